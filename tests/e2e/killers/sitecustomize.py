"""A JPEG decoder that crashes or hangs, by the width of the image.

Stands on the PYTHONPATH of a whole run: Python imports it at the start of every process.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import simplejpeg

from img2dataset.images.native import JPEG


def spin() -> None:
    while True:
        pass


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(status: int) -> None:
    """As a library's own exit(): without a word to Python."""
    ctypes.CDLL(None)._exit(status)


def freeze() -> None:
    ctypes.PyDLL(None).sleep(10_000)  # keeps the GIL


KILLERS: dict[int, Callable[[], Any]] = {
    201: faulthandler._sigsegv,  # type: ignore[attr-defined]  # for tests such as this one
    202: os.abort,
    203: die,
    204: lambda: leave(0),
    205: lambda: leave(70),
    206: faulthandler._stack_overflow,  # type: ignore[attr-defined]
    207: lambda: time.sleep(10_000),
    208: spin,
    209: freeze,
}

IN_HEADER: dict[int, Callable[[], Any]] = {401: KILLERS[201], 402: KILLERS[207]}

decode, read = simplejpeg.decode_jpeg, simplejpeg.decode_jpeg_header


def kill(width: int) -> None:
    if width in KILLERS:
        KILLERS[width]()
    if width == 300:
        raise AssertionError("a bug of ours")


def decode_jpeg(data: bytes, *args: Any, **kwargs: Any) -> Any:
    _, width, _, _ = read(data, strict=False)
    kill(width)
    return decode(data, *args, **kwargs)


def decode_jpeg_header(data: bytes, **kwargs: Any) -> Any:
    header = read(data, **kwargs)
    if header[1] in IN_HEADER:
        IN_HEADER[header[1]]()
    return header


def shrink(out: Any, data: bytes, channels: int, width: int, *sizes: int) -> bool:
    kill(width)
    return bool(shrink_jpeg(out, data, channels, width, *sizes))


simplejpeg.decode_jpeg = decode_jpeg
simplejpeg.decode_jpeg_header = decode_jpeg_header
if JPEG is not None:
    shrink_jpeg = JPEG.shrink
    vars(JPEG)["shrink"] = shrink
