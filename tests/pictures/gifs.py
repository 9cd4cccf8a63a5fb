"""GIF: transparency, interlacing, a frame smaller than the canvas; byte by byte."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from tests.pictures.case import EXPANDED, GREY, HEIGHT, WIDTH, Array, Case, by_pillow, without

COLOURS = np.random.default_rng(4).integers(0, 256, (256, 3), np.uint8)
CLEAR, END = 256, 257
CANVAS = 80, 60


def codes_of(values: Array) -> bytes:
    """LZW of 9 bits that never grow, because the table is cleared in time."""
    codes: list[int] = []
    for at, value in enumerate(values.ravel().tolist()):
        codes += [CLEAR, value] if at % 120 == 0 else [value]
    codes.append(END)
    number = sum(code << 9 * at for at, code in enumerate(codes))
    return number.to_bytes(-(-9 * len(codes) // 8), "little")


def gif(
    values: Array,
    *,
    transparent: int | None = None,
    interlaced: bool = False,
    canvas: tuple[int, int] = (WIDTH, HEIGHT),
    corner: tuple[int, int] = (0, 0),
) -> bytes:
    packed = codes_of(values)
    blocks = [packed[at : at + 255] for at in range(0, len(packed), 255)]
    control = b"" if transparent is None else b"!\xf9\4\1\0\0" + bytes([transparent]) + b"\0"
    frame = struct.pack("<HHHHB", *corner, WIDTH, HEIGHT, 0x40 if interlaced else 0)
    return (
        b"GIF89a" + struct.pack("<HHBBB", *canvas, 0xF7, 0, 0) + COLOURS.tobytes() + control
        + b"," + frame + b"\x08" + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0;"
    )  # fmt: skip


def on_canvas(picture: Array, corner: tuple[int, int]) -> Array:
    whole = np.full((CANVAS[1], CANVAS[0], 3), 255, np.uint8)
    left, top = corner
    whole[top : top + HEIGHT, left : left + WIDTH] = picture
    return whole


def gifs() -> dict[str, Case]:
    order = [row for start, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for row in range(start, HEIGHT, step)]  # fmt: skip
    one = int(GREY[5, 5])
    seen, corner = COLOURS[GREY], (8, 6)
    holed = without(seen, np.equal(one, GREY))
    frames = [Image.fromarray(255 - EXPANDED)]
    animation = by_pillow(EXPANDED, "GIF", save_all=True, append_images=frames)
    return {
        "gif": Case(gif(GREY), seen),
        "gif transparent": Case(gif(GREY, transparent=one), holed),
        "gif interlaced": Case(gif(GREY[order], interlaced=True), seen),
        "gif small frame": Case(gif(GREY, canvas=CANVAS, corner=corner), on_canvas(seen, corner)),
        "gif small transparent frame": Case(
            gif(GREY, transparent=one, canvas=CANVAS, corner=corner), on_canvas(holed, corner)
        ),
        "gif animation": Case(animation, EXPANDED),
        "gif animation cut in its second frame": Case(animation[:-200], EXPANDED),
    }
