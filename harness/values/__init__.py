"""Values that somebody else wrote, and the types that they must have."""
