"""Splits into train, val and test: making, reading and checking them."""
