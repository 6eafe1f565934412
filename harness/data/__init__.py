"""Datasets, splits, the prepared store and batches."""
