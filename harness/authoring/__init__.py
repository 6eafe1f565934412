"""What helps an author of a plugin to begin."""
