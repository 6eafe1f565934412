"""A user's request, from a file, from options or from Python."""
