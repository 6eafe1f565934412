"""What a method promises, checked."""
