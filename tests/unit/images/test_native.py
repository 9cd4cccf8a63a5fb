"""The compiled modules are found where the build puts them, are loaded, and may run in parallel."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from img2dataset.images import native
from tests.quick import few_quick

Pixels = npt.NDArray[np.uint8]
FOLDER = Path(native.__file__).parent
SOURCES = Path(__file__).parents[3] / "src/img2dataset/images/native"
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
MODULES = {
    "_area": native.AREA,
    "_jpeg": native.JPEG,
    "_png": native.PNG,
    "_lanczos": native.LANCZOS,
    "_png_filters": native.PNG_FILTERS,
}


@pytest.mark.parametrize("name", MODULES)
def test_a_compiled_module_is_used(name: str) -> None:
    """Its absence is no error anywhere else: OpenCV and libjpeg would quietly do the work."""
    is_built = any((FOLDER / f"{name}{suffix}").exists() for suffix in EXTENSION_SUFFIXES)
    assert (MODULES[name] is not None) == is_built


def test_an_installation_without_one_says_so() -> None:
    assert (None in MODULES.values()) == (native.SLOWER_NOTICE is not None)


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if module is not None])
def test_a_module_is_made_in_two_phases(name: str) -> None:
    """Only then free-threaded Python asks it whether it can do without the GIL (PEP 489, 703)."""
    library = ctypes.PyDLL(str(MODULES[name].__file__))  # type: ignore[union-attr]
    make = library[f"PyInit_{name}"]
    make.restype = ctypes.c_void_p  # its reference is borrowed: no py_object
    assert type(ctypes.cast(make(), ctypes.py_object).value).__name__ == "moduledef"


def test_modules_switch_no_gil_on() -> None:
    code = """
import sys
from img2dataset.images import native
print(getattr(sys, "_is_gil_enabled", lambda: True)())
"""
    shown = subprocess.check_output([sys.executable, "-W", "error", "-c", code], text=True)
    assert shown.strip() == str(not FREE_THREADED)


def shrink(photo: Pixels) -> bytes:
    out = np.empty((100, 130, 3), np.uint8)
    native.AREA.shrink(out, photo, *photo.shape[:2], *out.shape)  # type: ignore[union-attr]
    return out.tobytes()


def enlarge(photo: Pixels) -> bytes:
    out = np.empty((500, 700, 3), np.uint8)
    native.LANCZOS.resize(out, photo)  # type: ignore[union-attr]
    return out.tobytes()


def filter_rows(photo: Pixels) -> bytes:
    height, width, channels = photo.shape
    out = bytearray(height * (1 + width * channels))
    native.PNG_FILTERS.filter_rows(out, photo, height, width, channels)  # type: ignore[union-attr]
    return bytes(out)


@pytest.mark.skipif(native.SLOWER_NOTICE is not None, reason="needs all modules")
@pytest.mark.parametrize("call", [shrink, enlarge, filter_rows])
def test_calls_at_the_same_time_do_not_disturb_each_other(call: Callable[[Pixels], bytes]) -> None:
    """There is no GIL meanwhile: modules have nothing that two calls share."""
    photos = [np.random.default_rng(n).integers(0, 256, (320, 400, 3), np.uint8) for n in range(4)]
    alone = [call(photo) for photo in photos]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(call, photos * 4)) == alone * 4


@pytest.mark.skipif(FREE_THREADED, reason="no stable ABI")
@pytest.mark.parametrize("module", [module for module in MODULES.values() if module is not None])
def test_a_module_works_with_later_versions_of_python(module: ModuleType) -> None:
    """One of an older build lies beside it if its name has the version: that one is loaded."""
    assert Path(str(module.__file__)).name.endswith((".abi3.so", ".pyd"))


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
@pytest.mark.parametrize("source", few_quick(["_jpeg.c", "_png.c"]))
@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ([], False),
        (["-U__BYTE_ORDER__", "-D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__"], True),
        (["-U__GNUC__"], True),
    ],
    ids=["this machine", "highest byte first", "another compiler"],
)
def test_where_its_pixels_would_be_wrong_it_does_not_compile(
    source: str, options: list[str], *, refused: bool
) -> None:
    include = f"-I{sysconfig.get_paths()['include']}"
    command = ["gcc", "-E", "-o", "/dev/null", *options, include, str(SOURCES / source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ("img2dataset works without this module" in done.stderr) == refused
    assert refused or done.returncode == 0
