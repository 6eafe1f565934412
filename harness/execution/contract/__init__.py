"""What executors and observers of a run promise and are promised."""
