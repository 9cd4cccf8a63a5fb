"""Bytes with EXIF -> its tags as JSON text, named and printed as ExifRead does."""

from __future__ import annotations

import io
import json
import logging
import re

from img2dataset.images.header import Header

MAX_READS = 20_000
"""Reads of one file.  Photos take less than a thousand; crafted tables, billions."""
MAX_READ_BYTES = 4_000_000
"""Bytes that are read of one file."""
MAX_TEXT_CHARACTERS = 1_000_000
"""Longest text that is kept."""
NONE = "{}"
TIFF_HEAD = re.compile(rb"II\*\0|MM\0\*")
"""The beginning of every EXIF block."""

logging.getLogger("exifread").setLevel(logging.CRITICAL)  # damaged EXIF is everywhere


class TooManyReadsError(Exception):
    """The EXIF block has cyclic offsets."""


class LimitedFile(io.BytesIO):
    """A file in memory with a limit of reads and bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads = MAX_READS
        self._bytes = MAX_READ_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        self._reads -= 1
        self._bytes -= len(part)
        if self._reads < 0 or self._bytes < 0:
            raise TooManyReadsError
        return part


def read_image_exif(data: bytes, header: Header) -> str | None:
    """Read the EXIF tags of an image, as `read_exif` does; "{}" if it has none."""
    if not header.has_exif:
        return NONE
    text = read_exif(header.exif or data)
    block = header.exif or getattr(header.own, "exif", b"")
    # ExifRead finds nothing where it makes no sense of a block
    return None if text == NONE and block and not TIFF_HEAD.match(block) else text


def read_exif(data: bytes) -> str | None:
    """Read the tags as a JSON object {tag name: text}; None if the block cannot be read."""
    import exifread  # noqa: PLC0415  (10 ms, for the images that have EXIF)

    try:
        tags = exifread.process_file(LimitedFile(data), details=False)
        # thumbnails come as bytes; texts come padded
        texts = {n: str(tag).strip() for n, tag in tags.items() if not isinstance(tag, bytes)}
        text = json.dumps(texts)
    except Exception:  # noqa: BLE001  (a third-party parser of hostile bytes)
        return None
    return text if len(text) <= MAX_TEXT_CHARACTERS else None
