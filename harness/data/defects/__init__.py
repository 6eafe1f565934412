"""What may be wrong with a dataset, and leaving the damaged samples out."""
