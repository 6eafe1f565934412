"""From a user's request to the cells of a study, and what these will need."""
