"""Ours and the released img2dataset 1.47.0, side by side: `python -m benchmarks.run`."""
