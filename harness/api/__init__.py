"""The harness from Python: running studies and reading their results."""
