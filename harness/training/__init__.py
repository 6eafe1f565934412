"""Training: the contracts of a method, the one loop, frozen prefixes and the one clock."""
