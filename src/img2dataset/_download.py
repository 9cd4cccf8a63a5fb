"""`download`; its types are in _download.pyi, which docs/generate.py makes from `Options`."""

from __future__ import annotations

from img2dataset.api import make_download

download = make_download()
