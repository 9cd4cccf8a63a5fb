"""A stored dataset -> what it holds and why rows failed: `img2dataset report` and `inspect`."""
