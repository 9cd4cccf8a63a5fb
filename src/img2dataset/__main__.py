"""`python -m img2dataset` does what the command `img2dataset` does."""

from __future__ import annotations

import sys

from img2dataset.cli import main

if __name__ == "__main__":
    sys.exit(main())
