"""Initial weights: where they lie on this machine, how they get there, and whether they are whole.

Files are looked for where the libraries themselves keep them, so weights that another program has
downloaded are found, and weights fetched here are there for other programs.
"""
