"""What chapters are made of, and what they read."""
