"""A stored dataset -> the folder-wide files that let others load it."""
