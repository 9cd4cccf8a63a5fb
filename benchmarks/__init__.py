"""Benchmarks of img2dataset beside the released 1.47.0: `python -m benchmarks.run`."""
