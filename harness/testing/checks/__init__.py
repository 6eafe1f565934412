"""What is checked of a plugin, one file per kind of thing that it offers."""
