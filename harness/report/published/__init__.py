"""A run set against published values."""
