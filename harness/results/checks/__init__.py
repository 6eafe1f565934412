"""Whether what lies on disk is what a finished cell must have left."""
