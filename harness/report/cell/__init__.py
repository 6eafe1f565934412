"""The record of one cell as people read it."""
