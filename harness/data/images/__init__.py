"""Image files: reading, checking and fingerprinting them."""
