"""Our compiled area average, if this installation has it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def _kernel() -> ModuleType | None:
    try:
        return import_module("img2dataset.images._area")
    except ImportError:
        return None


KERNEL = _kernel()
SLOWER = (
    None
    if KERNEL is not None
    else "resizing takes twice the time: img2dataset was installed without a C compiler"
)
"""What a person should know about this installation."""
