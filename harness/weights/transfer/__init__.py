"""Fetching initial weights, and checking those that are here."""
