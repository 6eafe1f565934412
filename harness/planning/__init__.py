"""From what the user asks for to the cells of a study, and what these will need."""
