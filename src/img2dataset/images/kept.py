"""Bytes that need not be encoded again -> whether all pixels are there, proved without any, and
whether other programs open them.

A proof is exact one way only: what it proves would be decoded, and found to be as stored and
readable elsewhere.  About other files it says nothing, and they are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from img2dataset.errors import RowError
from img2dataset.images.header import Header
from img2dataset.images.headers import png
from img2dataset.images.headers.jpeg_segments import SOS, walk_segments
from img2dataset.images.headers.png import PngHeader
from img2dataset.images.headers.png_rules import is_regular
from img2dataset.images.library_decoders import MIN_OPENCV_BYTES, decode_with_pillow
from img2dataset.images.native import JPEG

AS_STORED_COLOURS = frozenset({"Gray", "YCbCr", "RGB"})
"""Colours of a JPEG whose pixels need no conversion that would lose something."""
CUT_SEGMENT = re.compile(
    rb"JFIF.{0,2}|Adobe.?|ICC_PROFILE\x00.?|Photoshop 3\.0\x00.*8BIM..", re.DOTALL
)
"""What of a JPEG's header Pillow cannot read: it reads on behind the end."""
AS_STORED_DEPTHS = {png.GREY: (1, 2, 4, 8), png.RGB: (8,), png.PALETTE: (1, 2, 4, 8)}
"""Colour type of a PNG -> bits of a sample, for those that become 8 bits without loss."""
MAX_PNG_FILTER, MAX_COLOURS = 4, 256
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


def opens_elsewhere(data: bytes, header: Header) -> bool:
    """Whether Pillow and OpenCV open what could be decoded here, but was not proved.

    Our decoders, like browsers, accept more than they do.
    """
    if header.format == "PNG":
        found = png.read_rows(data, header.own)
        return found is not None and is_regular(data, header.own, len(found.rows))
    if len(data) < MIN_OPENCV_BYTES:
        return False
    try:
        # only Pillow is asked: it is the stricter one, and OpenCV prints what it finds odd
        return decode_with_pillow(data, header) is not None
    except RowError:
        return False


def _prove_jpeg(data: bytes, header: Header) -> bool:
    """Read all Huffman codes: `native/jpeg_proof.h`."""
    if JPEG is None or header.own.colours not in AS_STORED_COLOURS:
        return False
    return bool(JPEG.prove_whole(data)) and not _has_cut_segment(data)


def _has_cut_segment(data: bytes) -> bool:
    for marker, start, end in walk_segments(data):
        if marker == SOS:
            break
        if CUT_SEGMENT.fullmatch(data, start, end):
            return True
    return False


def _prove_png(data: bytes, header: Header) -> bool:
    """Inflate the rows, whose checksums are compared on the way, and look at their filters."""
    own: PngHeader = header.own
    if own.depth not in AS_STORED_DEPTHS.get(own.colour, ()) or own.is_interlaced:
        return False
    if max(own.width, own.height) > MAX_PNG_SIDE_PIXELS or own.width * own.height > MAX_PNG_PIXELS:
        return False
    found = None if b"tRNS" in data else png.read_rows(data, own)
    if found is None or not _is_plain_palette(found.palette, own):
        return False
    row_bytes = len(found.rows) // own.height
    if max(found.rows[::row_bytes]) > MAX_PNG_FILTER:
        return False
    return is_regular(data, own, len(found.rows))


def _is_plain_palette(palette: bytes, header: PngHeader) -> bool:
    """Whether there is a palette of whole colours if there has to be one, and none in grey."""
    if header.colour == png.GREY:
        return not palette
    colours, rest = divmod(len(palette), 3)
    if header.colour == png.PALETTE:
        return rest == 0 and 1 <= colours <= 1 << header.depth
    return rest == 0 and colours <= MAX_COLOURS


PROOFS: dict[str, Callable[[bytes, Header], bool]] = {"JPEG": _prove_jpeg, "PNG": _prove_png}
"""Format -> its proof.  Of WebP, which has no checksums, only decoding reads every bit."""
