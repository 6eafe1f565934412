"""The last screen of a run: its story in 24 lines of 80 columns."""
