"""What happens inside the one process that runs a cell."""
