"""What people type: words of other tools, short forms, units; and what is said where it fails."""
