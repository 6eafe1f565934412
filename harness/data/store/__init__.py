"""The prepared store: images as the methods want them, made once."""
