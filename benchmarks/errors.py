"""What a benchmark raises when it cannot be run."""

from __future__ import annotations


class BenchmarkError(Exception):
    """One line for a person: what is missing, and what to do."""
