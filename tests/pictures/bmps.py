"""BMP of every depth and header, byte by byte."""

from __future__ import annotations

import struct

import numpy as np

from tests.pictures.case import (
    ALPHA,
    BLACK_AND_WHITE,
    GREY,
    HEIGHT,
    RGB,
    WIDTH,
    Array,
    Case,
    on_white,
    scaled_up,
)

OS2, INFO, V4, V5 = 12, 40, 108, 124
RGB_VALUES, RLE8, BITFIELDS = 0, 1, 3
TABLE = np.random.default_rng(3).integers(0, 256, (256, 4), np.uint8)
TABLE[:, 3] = 0
COLOURS = np.ascontiguousarray(TABLE[:, 2::-1])
"""The palette, as RGB."""


def rows(pixels: Array) -> bytes:
    """Padded to four bytes."""
    parts = (row.tobytes() for row in pixels)
    return b"".join(part + b"\0" * (-len(part) % 4) for part in parts)


def bmp(bits: int, body: bytes, *, table: bytes = b"", packing: int = RGB_VALUES, height: int = HEIGHT,
        kind: int = INFO, masks: bytes = b"") -> bytes:  # fmt: skip
    if kind == OS2:
        header = struct.pack("<IHHHH", OS2, WIDTH, height, 1, bits)
    else:
        header = struct.pack(
            "<IiiHHIIiiII", kind, WIDTH, height, 1, bits, packing, len(body), 0, 0, len(table) // 4, 0
        )  # fmt: skip
    head = header + masks + table
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + body


def run_lengths(values: Array) -> bytes:
    out = b""
    for row in values[::-1].tolist():
        at = 0
        while at < len(row):
            count = 1
            while at + count < len(row) and row[at + count] == row[at]:
                count += 1
            out += bytes([count, row[at]])
            at += count
        out += b"\0\0"
    return out + b"\0\1"


def bmps() -> dict[str, Case]:
    bgr = np.ascontiguousarray(RGB[:, :, ::-1])
    upside_down = bgr[::-1]
    table = TABLE.tobytes()
    four, one = GREY >> 4, BLACK_AND_WHITE.astype(np.uint8)
    nibbles = (four[:, ::2] << 4) | four[:, 1::2]
    five, six = (RGB >> 3).astype(np.uint16), (RGB >> 2).astype(np.uint16)
    of_555 = (five[:, :, 0] << 10) | (five[:, :, 1] << 5) | five[:, :, 2]
    of_565 = (five[:, :, 0] << 11) | (six[:, :, 1] << 5) | five[:, :, 2]
    seen_555 = scaled_up(five, 5)
    seen_565 = seen_555.copy()
    seen_565[:, :, 1] = scaled_up(six[:, :, 1], 6)
    unused = np.dstack([bgr, np.zeros_like(GREY)])[::-1]
    alpha = np.dstack([bgr, ALPHA])[::-1]
    v4 = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + b"\0" * 48
    v5 = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + b"\0" * 64
    masks_odd = struct.pack("<III", 0xFF << 24, 0xFF << 16, 0xFF << 8)
    masks_444 = struct.pack("<III", 0xF00, 0xF0, 0xF)
    four_each = (RGB >> 4).astype(np.uint16)
    of_444 = (four_each[:, :, 0] << 8) | (four_each[:, :, 1] << 4) | four_each[:, :, 2]
    odd = np.dstack([np.zeros_like(GREY), bgr])[::-1]
    masks_565 = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    few = GREY >> 5
    return {
        "bmp 24 bits": Case(bmp(24, rows(upside_down)), RGB),
        "bmp top down": Case(bmp(24, rows(bgr), height=-HEIGHT), RGB),
        "bmp of os/2": Case(bmp(24, rows(upside_down), kind=OS2), RGB),
        "bmp 8 bits": Case(bmp(8, rows(GREY[::-1]), table=table), COLOURS[GREY]),
        "bmp 4 bits": Case(bmp(4, rows(nibbles[::-1]), table=table[:64]), COLOURS[four]),
        "bmp 1 bit": Case(
            bmp(1, rows(np.packbits(one, axis=1)[::-1]), table=table[:8]), COLOURS[one]
        ),
        "bmp 15 bits": Case(bmp(16, rows(of_555.astype("<u2")[::-1])), seen_555, most=1),
        "bmp 16 bits": Case(
            bmp(16, rows(of_565.astype("<u2")[::-1]), packing=BITFIELDS, masks=masks_565),
            seen_565,
            most=1,
        ),
        "bmp 32 bits, one byte unused": Case(bmp(32, rows(unused)), RGB),
        "bmp alpha": Case(
            bmp(32, rows(alpha), packing=BITFIELDS, kind=V4, masks=v4), on_white(RGB, ALPHA)
        ),
        "bmp alpha that is 0 everywhere": Case(
            bmp(32, rows(unused), packing=BITFIELDS, kind=V5, masks=v5), RGB
        ),
        "bmp masks at odd places": Case(
            bmp(32, rows(odd), packing=BITFIELDS, masks=masks_odd), RGB
        ),
        "bmp 12 bits": Case(
            bmp(16, rows(of_444.astype("<u2")[::-1]), packing=BITFIELDS, masks=masks_444),
            scaled_up(four_each, 4),
        ),
        "bmp run lengths": Case(
            bmp(8, run_lengths(few), table=table, packing=RLE8), COLOURS[few]
        ),
    }  # fmt: skip
