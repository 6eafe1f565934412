"""Published studies, as their datasets declare them."""
