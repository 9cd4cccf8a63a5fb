"""The compiled modules are found where the build puts them, and are loaded."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from img2dataset.images import native

MODULES = {"_area": native.AREA, "_jpeg": native.JPEG}


@pytest.mark.parametrize("name", MODULES)
def test_a_compiled_module_is_used(name: str) -> None:
    """Its absence is no error anywhere else: OpenCV and libjpeg would quietly do the work."""
    folder = Path(native.__file__).parent
    is_built = any((folder / f"{name}{suffix}").exists() for suffix in EXTENSION_SUFFIXES)
    assert (MODULES[name] is not None) == is_built


def test_an_installation_without_one_says_so() -> None:
    assert (None in MODULES.values()) == (native.SLOWER is not None)
