"""Tables: filled from results, then written as Markdown, CSV, LaTeX, HTML or terminal text."""
