"""The error of a benchmark that cannot run."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A benchmark cannot run; the message says what is missing and what to do."""
