"""A table as text, Markdown, LaTeX, HTML, CSV, JSON and XLSX."""
