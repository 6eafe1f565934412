"""Tables of finished cells."""
