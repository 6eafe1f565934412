"""The installation and the disk: checking and cleaning."""
