"""Bytes that need not be encoded again -> whether all pixels are there, proved without any.

A proof is exact one way only: what it proves would be decoded, and found to be as stored.  About
other files it says nothing, and they are decoded.
"""

from __future__ import annotations

from collections.abc import Callable

from img2dataset.images.header import Header
from img2dataset.images.headers import png
from img2dataset.images.native import JPEG

AS_STORED_COLOURS = frozenset({"Gray", "YCbCr", "RGB"})
"""Colours of a JPEG whose pixels need no conversion that would lose something."""
MAX_PNG_SIDE_PIXELS = 100_000
MAX_PNG_PIXELS = 1 << 28
"""Smaller than any limit of libpng and OpenCV: larger files are decoded."""


def is_proved_whole(data: bytes, header: Header) -> bool:
    """Whether decoding `data` would certainly give all its pixels, 8 bits grey or colour, without
    alpha.

    False does not mean that it would not.
    """
    prove = PROOFS.get(header.format)
    return prove is not None and prove(data, header)


def _prove_jpeg(data: bytes, header: Header) -> bool:
    """Read all Huffman codes: `native/jpeg_proof.h`."""
    if JPEG is None or header.own.colours not in AS_STORED_COLOURS:
        return False
    return bool(JPEG.prove_whole(data))


def _prove_png(data: bytes, header: Header) -> bool:
    """Inflate the rows, and look at their filters only; checksums are compared on the way."""
    if max(header.width, header.height) > MAX_PNG_SIDE_PIXELS:
        return False
    return header.width * header.height <= MAX_PNG_PIXELS and png.has_all_rows(data, header.own)


PROOFS: dict[str, Callable[[bytes, Header], bool]] = {"JPEG": _prove_jpeg, "PNG": _prove_png}
"""Format -> its proof.  Of WebP, which has no checksums, only decoding reads every bit."""
