"""Bytes -> an image opened by Pillow, which is imported when a body first needs it.

Pillow and all its formats take 50 ms of CPU to import; JPEG, PNG and WebP do without them.
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from img2dataset.errors import Reason, RowError

if TYPE_CHECKING:
    from PIL import Image

_max_pixels = 0
_plugging = threading.Lock()

PLUGINS = {"HEIF": Reason.HEIC, "JXL": Reason.JXL}
"""Formats for which Pillow needs a plugin -> the reason if it is not installed."""


def set_up_pillow(max_decoded_pixels: int) -> None:
    """Silence Pillow, and raise its limit to `max_decoded_pixels`, checked before decoding.

    Both hold for the process, as Pillow's own limit does.
    """
    global _max_pixels  # noqa: PLW0603
    _max_pixels = max(_max_pixels, max_decoded_pixels)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


@contextmanager
def translate_pillow_errors(reason: Reason) -> Iterator[None]:
    """Translate any exception that Pillow raises for hostile bytes into a RowError."""
    try:
        yield
    except RowError:
        raise
    except Exception as error:
        raise RowError(reason) from error


def plug_in(format_name: str) -> None:
    """Let Pillow read a format for which it needs a plugin.

    Raises:
        RowError: it is not installed; the reason says what to install.
    """
    from PIL import Image  # noqa: PLC0415  (see above)

    try:
        with _plugging:
            if format_name in Image.OPEN:
                return
            if format_name == "HEIF":
                import pillow_heif  # noqa: PLC0415  (an extra)

                pillow_heif.options.DECODE_THREADS = 1  # the worker has image threads
                pillow_heif.register_heif_opener()
            else:
                from pillow_jxl import JpegXLImagePlugin  # noqa: PLC0415  (registers itself)

                JpegXLImagePlugin.DECODE_THREADS = 1
    except ImportError as error:
        raise RowError(PLUGINS[format_name]) from error


def open_image(data: bytes, formats: Sequence[str]) -> Image.Image | None:
    """Open the image if Pillow recognises it as one of `formats`; decode no pixel yet.

    Raises:
        RowError: it has more than twice as many pixels as any processor here allows.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  (see above)

    Image.init()
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, _max_pixels)
    known = [name for name in formats if name in Image.OPEN]
    try:
        return Image.open(io.BytesIO(data), formats=known)
    except UnidentifiedImageError:
        return None
    except Image.DecompressionBombError:
        raise RowError(Reason.TOO_MANY_PIXELS) from None
