"""What a user sees while something takes its time."""
