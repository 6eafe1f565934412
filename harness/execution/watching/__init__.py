"""Cells that an executor has: what they write, whether they live, how they end."""
