"""Plugins: finding them, describing them, and choosing among what they offer."""
