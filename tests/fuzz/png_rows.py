"""Rows of PNGs for the module that makes pixels of them: of every kind, and damaged.

Imports nothing large by itself: see compiled.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple


class PngSeed(NamedTuple):
    """The rows of a PNG, inflated, and what makes pixels of them."""

    rows: bytes
    palette: bytes
    transparency: bytes
    width: int
    height: int
    depth: int
    colour: int
    is_interlaced: bool


def make_png_seeds() -> list[PngSeed]:
    """Make rows of every depth, colour type and transparency, some as files have them."""
    from img2dataset.images.headers import png  # noqa: PLC0415  (not in the process with the sanitizer)
    from tests.pictures.pngs import pngs  # noqa: PLC0415
    from tests.unit.images.made import saved, smooth  # noqa: PLC0415

    files = [case.data for case in pngs().values()]
    for width, height in [(1, 1), (7, 60), (130, 41)]:
        photo = smooth(width, height, 4)
        files += [saved(pixels, "PNG") for pixels in (photo, photo[:, :, :3], photo[:, :, 0])]
    made = []
    for data in files:
        own = png.read_header(data)
        found = None if own is None else png.read_rows(data, own)
        if own is not None and found is not None:
            kind = own.width, own.height, own.depth, own.colour, own.is_interlaced
            made.append(PngSeed(bytes(found.rows), found.palette, found.transparency, *kind))
    return made


def damage_rows(seed: PngSeed, rng: random.Random) -> PngSeed:
    """Change filters and samples; sometimes what is said of them too, so that sizes do not fit."""
    rows = bytearray(seed.rows)
    for _ in range(rng.randint(1, 30)):
        rows[rng.randrange(len(rows))] = rng.choice([0, 1, 2, 3, 4, 4, 3, 5, rng.randrange(256)])
    if seed.is_interlaced or rng.random() < 0.5:  # all rows of one kind, and now and then another
        length = len(rows) // seed.height
        kind = rng.randrange(5)
        for at in range(0, len(rows), max(1, length)):
            rows[at] = kind if rng.random() < 0.8 else rng.randrange(5)
    changed = seed._replace(rows=bytes(rows))
    match rng.randrange(12):
        case 0:
            return changed._replace(rows=bytes(rows[: rng.randrange(len(rows) + 1)]))
        case 1:
            sizes = [-1, 0, 1, 2, 1_000_001, 2**31 - 1]
            return changed._replace(width=rng.choice(sizes), height=rng.choice(sizes))
        case 2:
            depth, colour = rng.choice([1, 2, 4, 8, 16, 3]), rng.choice([0, 2, 3, 4, 6, 1])
            return changed._replace(depth=depth, colour=colour)
        case 3:
            return changed._replace(palette=rng.randbytes(rng.choice([0, 1, 3, 6, 765, 768, 771])))
        case 4:
            return changed._replace(transparency=rng.randbytes(rng.choice([0, 1, 2, 6, 256, 257])))
        case _:
            return changed


def try_png(module: ModuleType, good: PngSeed, rng: random.Random) -> None:
    """Decode and shrink the rows, into buffers of just the size that the header asks for."""
    seed = damage_rows(good, rng)
    channels = 1 if seed.colour == 0 else 3
    small = rng.randint(1, good.width), rng.randint(1, good.height)
    call_png(module.decode, channels, (good.width, good.height), (*seed[:-1], seed.is_interlaced))
    call_png(module.shrink, channels, small, (*seed[:-1], *small))


def call_png(
    function: Callable[..., bool], channels: int, size: tuple[int, int], more: tuple[Any, ...]
) -> None:
    try:
        function(bytearray(size[0] * size[1] * channels), *more)
    except ValueError:
        return
