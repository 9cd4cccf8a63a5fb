"""A list -> what a run of it would give, from a random sample (`img2dataset estimate`)."""

DEFAULT_SAMPLE = 1000
"""Rows: with them a share is known to 3 percent points."""
