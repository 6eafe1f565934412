"""The checks of methods, which need torch."""
