"""The chapters of a page, a file each, and what they compute."""
