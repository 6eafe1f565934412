"""The harness from Python: running studies, and what they have left."""
