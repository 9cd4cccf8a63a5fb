"""Minimal start-up: a process of img2dataset alone does not import or search what it does not use."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import Any

GC_THRESHOLD = 100_000
"""New objects between two searches for cycles."""


def start_minimal() -> None:
    """Set up minimal start-up; call it before anything large is imported."""
    # the threads of numpy's OpenBLAS, one for each core, spin for a while: no algebra here
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.meta_path.insert(0, ImportBlocker())
    # imports make tens of thousands of objects, and so do rows: few are ever in a cycle
    gc.set_threshold(GC_THRESHOLD)
    atexit.register(gc.freeze)  # a last search would be wasted


def end_minimal() -> None:
    """End minimal start-up; call it before a library is imported that may need what is blocked."""
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, ImportBlocker)]


class ImportBlocker:
    """Block the import of pandas, and of numpy while pyarrow is imported.

    pyarrow imports pandas, if it is installed, only to recognise its types: 0.3 s of CPU in
    processes that never see a DataFrame; and numpy, 0.1 s, for arrays, which it gets as buffers
    here.  Processes that decode images import numpy later.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        del path, target
        if name == "pandas" or (name == "numpy" and is_half_imported("pyarrow")):
            raise ModuleNotFoundError(f"this process does without {name}", name=name)


def is_half_imported(name: str) -> bool:
    """True while a module is being imported."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))
