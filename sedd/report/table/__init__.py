"""Tables: filled from results, written as Markdown, CSV, LaTeX, HTML and text."""
