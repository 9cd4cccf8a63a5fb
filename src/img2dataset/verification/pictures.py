"""The bytes of a stored image -> the problem with them, if there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from img2dataset.errors import Reason, RowError
from img2dataset.images.pillow import open_image, set_up_pillow, translate_pillow_errors
from img2dataset.images.probe import PILLOW_FORMATS

DECODED_FORMATS = ("JPEG", "PNG", "WEBP", *PILLOW_FORMATS)
HASHES = {32: hashlib.md5, 64: hashlib.sha256, 128: hashlib.sha512}
"""Hex digits of a digest -> its hash function."""
MAX_PIXELS = 1 << 40


def set_up_decoder() -> None:
    """Allow any size: stored images have passed the limits of their run."""
    set_up_pillow(MAX_PIXELS)


def find_problem(
    data: bytes, size: tuple[int | None, int | None], digests: Sequence[str]
) -> str | None:
    """Compare an image with the table: `size`, and `digests` of the downloaded bytes.

    An image that was stored as downloaded need not decode.
    """
    try:
        found = decode_size(data)
    except RowError:
        return None if is_as_downloaded(data, digests) else "an image that does not decode"
    if None not in size and found != size:
        return f"an image of another size than the table says, {found[0]} x {found[1]}"
    return None


def is_as_downloaded(data: bytes, digests: Sequence[str]) -> bool:
    return any(
        HASHES[len(digest)](data).hexdigest() == digest
        for digest in digests
        if len(digest) in HASHES
    )


def decode_size(data: bytes) -> tuple[int, int]:
    """Decode an image to its end; return its width and height."""
    with translate_pillow_errors(Reason.DECODE):
        image = open_image(data, DECODED_FORMATS)
        if image is None:
            raise RowError(Reason.NOT_AN_IMAGE)
        with image:
            image.load()
            return image.size
