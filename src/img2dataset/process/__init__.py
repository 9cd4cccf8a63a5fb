"""Processes: how they start, and who watches them."""
