"""A process that is ours alone, at its start -> one that pays for nothing it does not use."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import Any

GC_THRESHOLD = 100_000
"""New objects between two searches for cycles."""


def start_minimal() -> None:
    """To be called before anything large is imported."""
    # numpy's OpenBLAS starts a thread for every core, which spin for a while: no algebra here
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.meta_path.insert(0, Refusals())
    # imports make tens of thousands of objects, and so do rows: few are ever in a cycle
    gc.set_threshold(GC_THRESHOLD)
    atexit.register(gc.freeze)  # nor does anyone wait for a last search


def end_minimal() -> None:
    """To be called before a library is imported that may want what we do without."""
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, Refusals)]


class Refusals:
    """pyarrow imports pandas, if there is one, only to recognise its types: 0.3 s of CPU, where
    none of us ever sees a DataFrame.  And numpy, 0.1 s, to take arrays, of which we give it none
    but as buffers; who makes images imports it later."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        del path, target
        if name == "pandas" or (name == "numpy" and is_half_imported("pyarrow")):
            raise ModuleNotFoundError(f"this process does without {name}", name=name)


def is_half_imported(name: str) -> bool:
    """Whether a module is being imported just now."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))
