"""How people find and read what a run has left."""
