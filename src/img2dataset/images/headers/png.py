"""PNG bytes -> what their chunks say, their rows, and the same image without ancillary chunks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

import deflate

from img2dataset.signatures import PNG

ORDER = {b"IHDR": 0, b"PLTE": 1, b"tRNS": 2, b"IDAT": 3, b"IEND": 4}
"""The chunks that make the pixels -> their place.  libpng warns about oddities in others."""
PASSED_OVER = frozenset({b"PLTE", b"tRNS"})
"""What is passed over where it is out of place."""
FULL_WINDOW = 0x78
"""First byte of a zlib stream with a window of 32 kB (RFC 1950)."""
END = b"\0\0\0\0IEND\xaeB`\x82"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Colour type -> channels."""
ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
"""Of each pass: first column, first row, steps (PNG 8.2)."""
CHUNK_HEAD = struct.Struct(">I4s")
"""Length of the body, kind."""
CHECKSUM = struct.Struct(">I")
MAX_CHUNKS = 200_000
MAX_EXPANSION = 1032
"""Bytes that deflate makes of one, at most."""
HEADER_BYTES = 13
"""Of the body of IHDR."""
GREY, RGB, PALETTE = 0, 2, 3


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What a PNG says about itself before its pixels."""

    width: int
    height: int
    depth: int
    colour: int
    is_interlaced: bool
    exif: bytes
    transparent_grey: int | None
    """The grey value that counts as transparent, which OpenCV leaves out."""


def read_header(data: bytes) -> PngHeader | None:
    """Read the header; None if there is none."""
    if data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    exif, transparent = b"", None
    for kind, start, end in walk_chunks(data):
        if kind == b"eXIf":
            exif = data[start + 8 : end - 4]
        if kind == b"tRNS" and colour == GREY and end - start == 14:
            transparent = int.from_bytes(data[start + 8 : start + 10], "big") & ((1 << depth) - 1)
    return PngHeader(width, height, depth, colour, data[28] == 1, exif, transparent)


@dataclass(frozen=True, slots=True)
class Parts:
    """The chunks that make the pixels, checked as far as their order and checksums go."""

    header: dict[bytes, bytes]
    """IHDR, PLTE and tRNS, whole."""
    packed: bytes
    """The bodies of IDAT, put together."""
    has_end: bool
    """Whether IEND follows: if not, the last of the packed bytes may be missing."""

    def read_body(self, kind: bytes) -> bytes:
        """Return the body of a chunk of the header; empty if there is none."""
        return self.header.get(kind, b"")[8:-4]


@dataclass(frozen=True, slots=True)
class PngRows:
    """The rows of a PNG without any oddity, and what makes colours of them."""

    rows: bytes | bytearray
    """All rows, each with the number of its filter before it; of each pass, if interlaced."""
    palette: bytes
    transparency: bytes
    """Bodies of PLTE and tRNS, or empty."""


def read_rows(data: bytes, header: PngHeader) -> PngRows | None:
    """Find the chunks, and inflate the rows; None if the file is damaged, or odd in any way."""
    parts = find_parts(data)
    return None if parts is None else inflate_rows(parts, header)


def inflate_rows(parts: Parts, header: PngHeader) -> PngRows | None:
    """Inflate the rows.

    None if the file is damaged, or so odd that libpng would warn of it: libpng is to judge what
    `pack_pixels_only` makes of the parts.
    """
    fields = parts.read_body(b"IHDR")
    wanted = _count_row_bytes(fields)
    if wanted is None or len(fields) != HEADER_BYTES or fields[10:12] != b"\0\0":
        return None
    if wanted > MAX_EXPANSION * len(parts.packed):
        return None
    rows = (_inflate_at_once if parts.has_end else _inflate_rows)(parts.packed, wanted)
    if rows is None:
        return None
    transparency = parts.read_body(b"tRNS")
    if header.colour == GREY:
        value = header.transparent_grey
        transparency = b"" if value is None else value.to_bytes(2, "big")
    return PngRows(rows, parts.read_body(b"PLTE"), transparency)


def pack_pixels_only(parts: Parts) -> bytes | None:
    """Make a PNG with only the chunks that make its pixels; None if pixels are missing.

    Checked here, because libpng would print its warnings on stderr.  A file that has all its
    pixels is complete, with or without an end, whatever its chunks' order; a checksum of the
    pixels, if there is one, must be right.
    """
    packed: bytes | None = parts.packed
    if packed and not parts.has_end:
        wanted = _count_row_bytes(parts.read_body(b"IHDR"))
        rows = None if wanted is None else _inflate_rows(packed, wanted)
        packed = None if rows is None else zlib.compress(rows, 0)
    if not packed:
        return None
    body = _make_chunk(b"IDAT", _widen_window(packed))
    return b"".join([PNG, *parts.header.values(), body, END])


def find_parts(data: bytes) -> Parts | None:
    """Find the chunks that make the pixels; None if one of them is damaged, or out of place."""
    header: dict[bytes, bytes] = {}
    pixels: list[memoryview] = []
    view = memoryview(data)
    place, ended = -1, False
    for kind, start, end in walk_chunks(data):
        if kind == b"IEND":
            ended = True
            break
        if kind == b"IDAT" and end > len(data):  # cut off in its pixels, or behind them
            pixels.append(view[start + 8 : min(end - 4, len(data))])
            break
        use = _judge_chunk(data, kind, (start, end), place)
        if use is ChunkUse.REFUSED:
            return None
        if use is ChunkUse.TAKEN:
            place = ORDER[kind]
            if kind == b"IDAT":
                pixels.append(view[start + 8 : end - 4])
            else:
                header[kind] = data[start:end]
    return Parts(header, b"".join(pixels), ended)


class ChunkUse(Enum):
    """What to do with a chunk."""

    TAKEN = auto()
    PASSED_OVER = auto()
    REFUSED = auto()


def _judge_chunk(data: bytes, kind: bytes, span: tuple[int, int], place: int) -> ChunkUse:
    """`place` is that of the last chunk that was taken."""
    start, end = span
    if kind not in ORDER:  # critical and unknown
        return ChunkUse.PASSED_OVER if kind[0] & 0x20 else ChunkUse.REFUSED
    if end > len(data):
        return ChunkUse.REFUSED
    early = place < ORDER[b"PLTE"] and data[25] == PALETTE  # its colours are not there yet
    late = ORDER[kind] < place or (ORDER[kind] == place and kind != b"IDAT")
    if late or (early and kind == b"tRNS"):  # as libpng and browsers do
        return ChunkUse.PASSED_OVER if kind in PASSED_OVER else ChunkUse.REFUSED
    if early and kind == b"IDAT":
        return ChunkUse.REFUSED
    if not has_right_checksum(data, start, end):
        return ChunkUse.PASSED_OVER if kind == b"tRNS" else ChunkUse.REFUSED
    return ChunkUse.TAKEN


def has_right_checksum(data: bytes, start: int, end: int) -> bool:
    """Whether the chunk from `start` to `end`, which lies within the data, is undamaged."""
    (checksum,) = CHECKSUM.unpack_from(data, end - 4)
    return bool(deflate.crc32(memoryview(data)[start + 4 : end - 4]) == checksum)


def _make_chunk(kind: bytes, body: bytes) -> bytes:
    crc = deflate.crc32(body, deflate.crc32(kind))
    return b"".join([len(body).to_bytes(4, "big"), kind, body, crc.to_bytes(4, "big")])


def _widen_window(packed: bytes) -> bytes:
    """Make the zlib header promise the largest window: some encoders promise less than they use,
    which browsers accept."""
    if len(packed) < 2 or packed[0] == FULL_WINDOW:
        return packed
    flags = packed[1] & 0xE0
    flags += 31 - (FULL_WINDOW * 256 + flags) % 31
    return bytes([FULL_WINDOW, flags]) + packed[2:]


def _inflate_at_once(packed: bytes, wanted: int) -> bytes | bytearray | None:
    """Inflate a whole stream; None if it is damaged, or does not have just the `wanted` bytes."""
    try:
        rows: bytearray = deflate.zlib_decompress(_widen_window(packed), wanted)
    except deflate.DeflateError:
        return None
    return rows if len(rows) == wanted else None


def _inflate_rows(packed: bytes, wanted: int) -> bytes | bytearray | None:
    """Inflate the rows; None if some are missing, or their checksum is there and wrong."""
    inflate = zlib.decompressobj()
    try:
        rows = inflate.decompress(_widen_window(packed), wanted)
        if len(rows) == wanted and not inflate.eof:
            inflate.decompress(inflate.unconsumed_tail, 1)  # reads the checksum, if there is one
    except zlib.error:
        return None
    return rows if len(rows) == wanted else None


def _count_row_bytes(fields: bytes) -> int | None:
    """Count the bytes of all rows, each with the number of its filter; None if that cannot be.
    `fields` are those of IHDR."""
    if len(fields) < HEADER_BYTES:
        return None
    width, height, depth, colour = struct.unpack_from(">IIBB", fields)
    channels = CHANNELS.get(colour)
    if channels is None or fields[12] > 1:
        return None
    passes = ADAM7 if fields[12] else ((0, 0, 1, 1),)
    size = 0
    for left, top, right, down in passes:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            size += rows * (1 + -(-columns * channels * depth // 8))
    return size


def read_profile(data: bytes, max_bytes: int) -> bytes:
    """Read the ICC profile; empty if there is none, it is damaged, or has more than `max_bytes`."""
    for kind, start, end in walk_chunks(data):
        if kind == b"iCCP":
            _, _, packed = data[start + 8 : end - 4].partition(b"\0")
            inflate = zlib.decompressobj()
            try:
                profile = inflate.decompress(packed[1:], max_bytes)
            except zlib.error:
                return b""
            return profile if inflate.eof else b""
        if kind == b"IDAT":
            break
    return b""


def walk_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, end) of each chunk up to IEND; the last may end beyond the data."""
    start = len(PNG)
    for _ in range(MAX_CHUNKS):
        if start + 12 > len(data):
            return
        size, kind = CHUNK_HEAD.unpack_from(data, start)
        end = start + 12 + size
        yield kind, start, end
        if kind == b"IEND":
            return
        start = end
