"""Pixels of the image stage, before the encode -> how close they are to a full decode and resize."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from benchmarks.stage import Pixels, bordered, make_png, resized
from img2dataset.errors import RowError

Ask = Callable[[Mapping[str, Any]], Any]
"""Sends a request to `benchmarks.stage` and returns its answer."""
BY_PILLOW = (b"GIF8", b"ftypavif")
"""Formats that OpenCV does not read, or not everywhere: what a file has in its first bytes."""


@dataclass(frozen=True, slots=True)
class Closeness:
    """How far two pictures are apart."""

    difference: int
    """The largest, in levels of 255."""
    psnr: float
    """In dB; infinite if they are equal."""


def closeness_table(groups: Mapping[str, Sequence[Path]], before: Ask | None) -> list[str]:
    """Return a line for each group; with `before`, also of its distance to that."""
    sides = ["full decode", *(["before"] if before is not None else [])]
    lines = [
        "Pixels before the encode, ours against a full decode and OpenCV's resize"
        + (", and against those of before:" if before is not None else ":"),
        "",
        "| kind | files | against | identical | largest difference | PSNR min | 5 % | median |",
        "|--|--:|--|--:|--:|--:|--:|--:|",
    ]
    for title, paths in groups.items():
        files = [path.read_bytes() for path in paths]
        made = [make_pixels(data) for data in files]
        others: dict[str, list[Pixels | None]] = {sides[0]: [reference(data) for data in files]}
        if before is not None:
            others[sides[1]] = [ask_pixels(before, path) for path in paths]
        for side, pixels in others.items():
            lines.append(f"| {title} | {len(paths)} | {side} | {summary(made, pixels)} |")
    return lines


def summary(made: Sequence[Pixels | None], others: Sequence[Pixels | None]) -> str:
    """Return the cells; a picture that only one side has counts as black against white."""
    found = [compare(one, other) for one, other in zip(made, others, strict=True)]
    identical = sum(one.difference == 0 for one in found)
    # not interpolated: some are infinite
    low = np.percentile([one.psnr for one in found], [0, 5, 50], method="lower")
    numbers = " | ".join("equal" if np.isinf(number) else f"{number:.1f}" for number in low)
    word = "all" if identical == len(found) else f"{identical}"
    return f"{word} | {max(one.difference for one in found)} | {numbers}"


def compare(one: Pixels | None, other: Pixels | None) -> Closeness:
    if one is None or other is None:
        return Closeness(0, np.inf) if one is other else Closeness(255, 0.0)
    one, other = in_colour(one), in_colour(other)
    difference = int(cv2.absdiff(one, other).max())
    return Closeness(difference, float(cv2.PSNR(one, other)) if difference else np.inf)


def in_colour(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 3 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))


def make_pixels(data: bytes) -> Pixels | None:
    """Return the pixels that this img2dataset would encode; None if it refuses the file."""
    try:
        return read_png(make_png(data))
    except RowError:
        return None


def ask_pixels(stage: Ask, path: Path) -> Pixels | None:
    made = stage({"make": str(path)})
    return None if made is None else read_png(base64.b64decode(made))


def read_png(data: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))


def reference(data: bytes) -> Pixels:
    return bordered(resized(on_white(decode_fully(data))))


def decode_fully(data: bytes) -> Pixels:
    """Decode to grey, BGR or BGRA."""
    if data.startswith(b"\xff\xd8"):
        if simplejpeg.decode_jpeg_header(data)[2] == "Gray":
            return np.asarray(simplejpeg.decode_jpeg(data, "GRAY"))[:, :, 0]
        return np.asarray(simplejpeg.decode_jpeg(data, "BGR"))
    if any(mark in data[:16] for mark in BY_PILLOW):
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))[:, :, ::-1].copy()
    return read_png(data)  # OpenCV sees that it is something else


def on_white(pixels: Pixels) -> Pixels:
    """Blend BGRA on white, to the nearest level."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    alpha = pixels[:, :, 3:].astype(np.uint32)
    blended = (pixels[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return blended.astype(np.uint8)
