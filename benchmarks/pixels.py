"""Measure the image step alone, in memory: its cost, and how close it is to the full decode.

python -m benchmarks.pixels --photos FOLDER [FOLDER ...] [--append TABLE.md]

The bare loop does what a worker has to do with a photo (decode, exact area average, border,
encode) with the same libraries and nothing else: no network, rows, hashes or files.  It runs in
two processes at once, as the workers of `benchmarks.run --cases full` do, because two busy cores
are slower than one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from benchmarks.run import heading
from benchmarks.stage import SIDE, Pixels, bordered, fitted, make_png, processor
from img2dataset.images.native import JPEG

PROCESSES = 2
MODES = [(mode, side) for side in (256, 512) for mode in ("border", "keep_ratio", "center_crop")]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pixels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each line of costs")
    parser.add_argument("--append", type=Path, metavar="FILE", help="add the tables to FILE")
    given = parser.parse_args()
    lines = [heading("benchmarks.pixels", *given.photos), ""]
    for folder in given.photos:
        photos = readable(folder)
        lines += [*costs(folder, photos, given.seconds), "", *fidelity(folder, photos), ""]
    text = "\n".join(lines)
    print(text)
    if given.append is not None:
        with given.append.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")
    return 0


def readable(folder: Path) -> list[bytes]:
    """Read the colour JPEGs that libjpeg decodes without a warning."""
    kept = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        try:
            if simplejpeg.decode_jpeg_header(data)[2] == "YCbCr":
                simplejpeg.decode_jpeg(data)
                kept.append(data)
        except ValueError:
            continue
    return kept


# -- what it costs --


def decoded(data: bytes) -> Pixels:
    return np.asarray(simplejpeg.decode_jpeg(data, "BGR"))


def nearly_nothing(data: bytes) -> Pixels:
    """Read every code of the file and do next to nothing with it: an eighth of each side is the
    least that libjpeg makes."""
    return np.asarray(simplejpeg.decode_jpeg(data, "BGR", min_height=1, min_width=1, min_factor=1))


def two_steps(data: bytes) -> Pixels:
    pixels = decoded(data)
    size = fitted(pixels.shape[1], pixels.shape[0])
    smaller = size[0] < pixels.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4  # the defaults
    return np.asarray(cv2.resize(pixels, size, interpolation=how))


def one_pass(data: bytes) -> Pixels:
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    small = fitted(width, height)
    out = np.empty((small[1], small[0], 3), np.uint8)
    smaller = max(width, height) > SIDE
    if JPEG is None or not smaller or not JPEG.shrink(out, data, 3, width, height, *small):
        return two_steps(data)
    return out


def encoded(small: Pixels) -> bytes:
    return bytes(cv2.imencode(".jpg", bordered(small), [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def bare(data: bytes) -> None:
    encoded(one_pass(data))


def bare_two_steps(data: bytes) -> None:
    encoded(two_steps(data))


def ours(data: bytes) -> None:
    processor().process(data)


STEPS: dict[str, Callable[[bytes], object]] = {
    "libjpeg, an eighth of each side: hardly more than reading the codes": nearly_nothing,
    "libjpeg, full decode": decoded,
    "libjpeg, full decode + INTER_AREA": two_steps,
    "one pass (_jpeg.c)": one_pass,
    "bare loop: one pass + border + encode": bare,
    "bare loop in two steps: full decode + INTER_AREA + border + encode": bare_two_steps,
    "the image stage: the bare loop with every check, EXIF, limits": ours,
}


def costs(folder: Path, photos: Sequence[bytes], seconds: float) -> list[str]:
    size = sum(map(len, photos)) / len(photos) / 1000
    lines = [
        f"{len(photos)} photos of {folder.name}, {size:.0f} kB on average, to {SIDE}:",
        "",
        "| step, in two processes at once | CPU ms per image |",
        "|--|--:|",
    ]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("fork")) as pool:
        for title in STEPS:
            times = list(pool.map(cpu_of, [title] * 2, [photos] * 2, [seconds] * 2))
            lines.append(f"| {title} | {1000 * sum(times) / len(times):.3f} |")
    ratio = rate(photos, seconds, threads=2) / rate(photos, seconds, threads=1)
    return [*lines, "", f"Two image threads in one process make {ratio:.2f} x the images of one."]


def cpu_of(title: str, photos: Sequence[bytes], seconds: float) -> float:
    """Repeat a step; return its CPU seconds per image."""
    cv2.setNumThreads(1)
    step = STEPS[title]
    for data in photos[:3]:
        step(data)
    done, began, end = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end:
        for data in photos:
            step(data)
        done += len(photos)
    return (time.process_time() - began) / done


def rate(photos: Sequence[bytes], seconds: float, *, threads: int) -> float:
    """Return the images per second of the image stage in threads of this process."""
    step = processor().process
    began = time.monotonic()
    end = began + seconds

    def work(_: int) -> int:
        done = 0
        while time.monotonic() < end:
            step(photos[done % len(photos)])
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(work, range(threads)))
    return done / (time.monotonic() - began)


# -- how close it comes --


AGAINST = "OpenCV's resize; PSNR in dB, of the photos that become smaller"


def fidelity(folder: Path, photos: Sequence[bytes]) -> list[str]:
    lines = [
        f"{folder.name}: what the image stage makes (before the encode) against a full decode and "
        + AGAINST,
        "",
        "| resize_mode, image_size | photos | min | 5 % | median | mean |",
        "|--|--:|--:|--:|--:|--:|",
    ]
    for mode, side in MODES:
        found = [db for data in photos if (db := closeness(data, mode, side)) is not None]
        if found:
            row = [min(found), *np.percentile(found, [5, 50]), np.mean(found)]
            numbers = " | ".join(f"{number:.1f}" for number in row)
            lines.append(f"| {mode}, {side} | {len(found)} | {numbers} |")
    return lines


def closeness(data: bytes, mode: str, side: int) -> float | None:
    pixels = decoded(data)
    height, width = pixels.shape[:2]
    tested = max(width, height) if mode == "border" else min(width, height)
    if tested <= side:
        return None
    scale = side / tested
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    made = make_png(data, image_size=side, resize_mode=mode)
    got = np.asarray(cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_COLOR))
    return float(cv2.PSNR(inner(got, small.shape[:2]), inner(small, got.shape[:2])))


def inner(pixels: Pixels, other: tuple[int, ...]) -> Pixels:
    """Return the middle of `pixels` with the size `other`: without the border, or cropped."""
    height, width = (min(sides) for sides in zip(pixels.shape[:2], other, strict=True))
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


if __name__ == "__main__":
    sys.exit(main())
