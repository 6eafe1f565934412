"""The process itself: how it starts, what it stands in, what it imports and what it uses up."""
