"""Bundled tasks and their losses."""
