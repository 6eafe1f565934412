"""What a run will take, and why it runs."""
