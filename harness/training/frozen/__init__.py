"""Frozen layers: freezing them, and running them once."""
