"""Running cells: one fresh process each."""
