"""Files, locks and artefacts: nothing here knows of images or methods."""
