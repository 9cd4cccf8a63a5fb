"""AVIF of several parts, box by box: no encoder at hand writes them.  The parts are Pillow's."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from tests.pictures.case import Array, by_pillow

FAST: dict[str, Any] = {"speed": 10, "max_threads": 1}
"""What is not said of the encoder would take 20 times as long: it searches, with many threads."""
BEST: dict[str, Any] = {"quality": 100, "subsampling": "4:4:4", **FAST}


def grid(pixels: Array, columns: int, size: tuple[int, int], cells: Sequence[bytes] = ()) -> bytes:
    """`pixels` in square cells of 64, `columns` in a row, cut to `size` (width, height).

    `cells` = AVIFs to take instead.
    """
    if not cells:
        rows = pixels.shape[0] // 64
        places = [(row, column) for row in range(rows) for column in range(columns)]
        parts = [pixels[64 * row :, 64 * column :][:64, :64] for row, column in places]
        cells = [by_pillow(part, "AVIF", **BEST) for part in parts]
    bodies = [cell[cell.index(b"mdat") + 4 :] for cell in cells]
    bodies.insert(0, struct.pack(">4B2H", 0, 0, len(cells) // columns - 1, columns - 1, *size))
    ids = range(1, len(bodies) + 1)

    kinds = b"".join(
        box(
            b"infe", struct.pack(">B3xHH", 2, item, 0) + (b"grid" if item == 1 else b"av01") + b"\0"
        )
        for item in ids
    )
    known = [
        box(b"ispe", struct.pack(">4xII", *size)),
        box(b"pixi", b"\0\0\0\0\3\x08\x08\x08"),
        found(cells[0], b"ispe"),
        found(cells[0], b"av1C"),
        found(cells[0], b"colr"),
    ]
    uses = b"".join(
        struct.pack(">HB", item, 3) + bytes([1, 2, 5])
        if item == 1
        else struct.pack(">HB", item, 3) + bytes([3, 2, 0x84])
        for item in ids
    )
    properties = box(b"ipco", b"".join(known))
    properties += box(b"ipma", struct.pack(">4xI", len(ids)) + uses)
    refers = box(b"dimg", struct.pack(f">HH{len(cells)}H", 1, len(cells), *ids[1:]))

    def file(start: int) -> bytes:
        places = b""
        for item, body in zip(ids, bodies, strict=True):
            places += struct.pack(">HHHII", item, 0, 1, start, len(body))
            start += len(body)
        meta = box(
            b"meta",
            bytes(4),
            found(cells[0], b"hdlr"),
            box(b"pitm", struct.pack(">4xH", 1)),
            box(b"iloc", struct.pack(">4xBBH", 0x44, 0, len(ids)), places),
            box(b"iinf", struct.pack(">4xH", len(ids)), kinds),
            box(b"iref", bytes(4), refers),
            box(b"iprp", properties),
        )
        return box(b"ftyp", b"avif\0\0\0\0avifmif1miaf") + meta + box(b"mdat", *bodies)

    return file(file(0).index(b"mdat") + 4)


def box(kind: bytes, *body: bytes) -> bytes:
    whole = b"".join(body)
    return struct.pack(">I4s", 8 + len(whole), kind) + whole


def found(file: bytes, kind: bytes) -> bytes:
    """The first box called `kind`."""
    at = file.index(kind) - 4
    return file[at : at + int.from_bytes(file[at : at + 4], "big")]
