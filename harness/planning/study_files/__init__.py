"""What a user asks for, from a file, from options or from Python."""
