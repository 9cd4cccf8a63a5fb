"""PNG of every depth, colour type and interlacing, byte by byte."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

from tests.pictures.case import (
    ALPHA,
    BLACK_AND_WHITE,
    GREY,
    GREY_ALPHA,
    RGB,
    RGBA,
    Array,
    Case,
    by_pillow,
    deep,
    on_white,
    scaled_up,
    without,
)

GREY_TYPE, COLOUR, PALETTE, GREY_A, COLOUR_A = 0, 2, 3, 4, 6
ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def scanlines(pixels: Array, depth: int = 8) -> bytes:
    """Rows, each with filter 0 before it."""
    if depth < 8:
        bits = (pixels[:, :, np.newaxis] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(len(pixels), -1).astype(np.uint8), axis=1)
    else:
        rows = np.ascontiguousarray(pixels.astype(">u2") if depth == 16 else pixels)
    return b"".join(b"\0" + row.tobytes() for row in rows)


def interlaced(pixels: Array, depth: int = 8) -> bytes:
    parts = (pixels[y::dy, x::dx] for x, y, dx, dy in ADAM7)
    return b"".join(scanlines(part, depth) for part in parts)


def png(
    pixels: Array, colour: int, depth: int = 8, before: bytes = b"", *, adam7: bool = False
) -> bytes:
    """`before` = chunks between the header and the pixels."""
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, adam7)
    rows = interlaced(pixels, depth) if adam7 else scanlines(pixels, depth)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), before, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    )


def transparent(*values: int) -> bytes:
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


def shallow(depth: int) -> dict[str, Case]:
    """1, 2 and 4 bits, of grey and of a palette."""
    values = GREY >> (8 - depth)
    grey = scaled_up(values, depth)
    colours = np.random.default_rng(depth).integers(0, 256, (2**depth, 3), np.uint8)
    shares = scaled_up(np.arange(2**depth), depth)
    table = chunk(b"PLTE", colours.tobytes())
    with_alpha = table + chunk(b"tRNS", shares.tobytes())
    on = on_white(colours[values], shares[values])
    gone = np.where(values == 1, np.uint8(255), grey)
    name = f"png {depth} bits"
    return {
        f"{name} grey": Case(png(values, GREY_TYPE, depth), grey),
        f"{name} grey interlaced": Case(png(values, GREY_TYPE, depth, adam7=True), grey),
        f"{name} grey one transparent": Case(png(values, GREY_TYPE, depth, transparent(1)), gone),
        f"{name} palette": Case(png(values, PALETTE, depth, table), colours[values]),
        f"{name} palette interlaced": Case(
            png(values, PALETTE, depth, table, adam7=True), colours[values]
        ),
        f"{name} palette with alpha": Case(png(values, PALETTE, depth, with_alpha), on),
    }


def odd_ends() -> dict[str, Case]:
    """All pixels are there; what is not is their end, or what is said of them."""
    whole = png(RGB, COLOUR)
    end = len(chunk(b"IEND", b""))
    at = whole.index(b"IDAT") - 4
    packed = zlib.compress(scanlines(RGB))
    bare = whole[:at]
    # a header that promises a window of 256 bytes
    small = bytes([0x08, 0x1D]) + packed[2:]
    table = chunk(b"PLTE", np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    first = chunk(b"tRNS", bytes(256)) + table
    palette = np.dstack([GREY] * 3)
    return {
        "png without an end": Case(whole[:-end], RGB),
        "png cut in its end": Case(whole[:-4], RGB),
        "png with a wrong checksum of its end": Case(whole[:-1] + b"?", RGB),
        "png cut in its checksum of pixels": Case(whole[: -end - 6], RGB),
        "png without the checksum of its pixels": Case(
            bare + chunk(b"IDAT", packed[:-4]), RGB
        ),
        "png with too small a window": Case(
            bare + chunk(b"IDAT", small) + chunk(b"IEND", b""), RGB
        ),
        "png in pieces, some empty": Case(
            bare + chunk(b"IDAT", b"") + chunk(b"IDAT", packed[:1]) + chunk(b"IDAT", packed[1:])
            + chunk(b"IEND", b""), RGB
        ),
        "png with a palette and alpha before it": Case(png(GREY, PALETTE, 8, first), palette),
    }  # fmt: skip


def pngs() -> dict[str, Case]:
    one = RGB[20, 20].astype(int)
    there = (one == RGB).all(axis=2)
    level = int(GREY[20, 20])
    gone = np.where(level == GREY, np.uint8(255), GREY)
    full = chunk(b"PLTE", np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    invisible = np.dstack([RGB, np.zeros_like(ALPHA)])
    # the old tool's: grey with alpha becomes three equal channels
    half = np.dstack([on_white(GREY, ALPHA)] * 3)
    frames = [Image.fromarray(255 - RGB)]
    return {
        **shallow(1),
        **shallow(2),
        **shallow(4),
        "png grey": Case(png(GREY, GREY_TYPE), GREY),
        "png colour": Case(png(RGB, COLOUR), RGB),
        "png colour interlaced": Case(png(RGB, COLOUR, adam7=True), RGB),
        "png grey palette": Case(png(GREY, PALETTE, 8, full), np.dstack([GREY] * 3)),
        "png grey and alpha": Case(png(GREY_ALPHA, GREY_A), half),
        "png grey and alpha 16 bits": Case(png(deep(GREY_ALPHA), GREY_A, 16), half),
        "png alpha": Case(png(RGBA, COLOUR_A), on_white(RGB, ALPHA)),
        "png alpha interlaced": Case(png(RGBA, COLOUR_A, adam7=True), on_white(RGB, ALPHA)),
        "png alpha 16 bits": Case(png(deep(RGBA), COLOUR_A, 16), on_white(RGB, ALPHA)),
        "png invisible": Case(png(invisible, COLOUR_A), np.full_like(RGB, 255)),
        "png grey 16 bits": Case(png(deep(GREY), GREY_TYPE, 16), GREY),
        "png grey 16 bits interlaced": Case(png(deep(GREY), GREY_TYPE, 16, adam7=True), GREY),
        "png colour 16 bits": Case(png(deep(RGB), COLOUR, 16), RGB),
        "png one transparent grey": Case(png(GREY, GREY_TYPE, 8, transparent(level)), gone),
        "png one transparent grey 16 bits": Case(
            png(deep(GREY), GREY_TYPE, 16, transparent(level * 257)), gone
        ),
        "png one transparent colour": Case(
            png(RGB, COLOUR, 8, transparent(*one)), without(RGB, there)
        ),
        "png one transparent colour 16 bits": Case(
            png(deep(RGB), COLOUR, 16, transparent(*(one * 257))), without(RGB, there)
        ),
        "png animation": Case(by_pillow(RGB, "PNG", save_all=True, append_images=frames), RGB),
        "png black and white by pillow": Case(
            by_pillow(Image.fromarray(BLACK_AND_WHITE), "PNG"),
            BLACK_AND_WHITE.astype(np.uint8) * 255,
        ),
        **odd_ends(),
        "png one pixel": Case(png(RGB[:1, :1], COLOUR), RGB[:1, :1]),
        "png one row interlaced": Case(png(RGB[:1], COLOUR, adam7=True), RGB[:1]),
    }
