"""Processes: how they start, and what watches them."""
