"""Tables: filled from results, and written as Markdown, CSV, LaTeX, HTML or text."""
