"""The formats of a list -> the modules that read them, imported only when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

FORMATS = {
    "txt": "img2dataset.sources.text",
    "csv": "img2dataset.sources.delimited",
    "tsv": "img2dataset.sources.delimited",
    "json": "img2dataset.sources.json_lists",
    "jsonl": "img2dataset.sources.json_lines",
    "parquet": "img2dataset.sources.parquet",
    "folder": "img2dataset.sources.image_folder",
}
"""Content of a file -> module with `open_files(files, config)`; each but parquet and folder also as .gz."""


def import_format(name: str) -> Any:
    """Import the module that reads files with this content."""
    return import_module(FORMATS[name])
