"""What is done with a finished model: predict with it, export it, describe it."""
