"""A stored dataset -> whether it is whole."""
