"""The compiled modules, or None for those that this installation lacks."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def _import_compiled(name: str) -> ModuleType | None:
    try:
        return import_module(f"{__name__}.{name}")
    except ImportError:
        return None


AREA = _import_compiled("_area")
"""Area averages of pixels."""
JPEG = _import_compiled("_jpeg")
"""From the bytes of a baseline JPEG to the pixels of a smaller picture."""
PNG_FILTERS = _import_compiled("_png_filters")
"""From pixels to the filtered rows of a PNG image."""
SLOWER_NOTICE = (
    None
    if AREA is not None and JPEG is not None and PNG_FILTERS is not None
    else "pictures take up to twice the time: img2dataset was installed without a C compiler"
)
"""A notice for the user; None if all modules are there."""
