"""A seed -> a JPEG with the size and decoding cost of a web photo (about 500x375, 110 kB)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.errors import BenchmarkError

COUNT = 200
QUALITY = 92
THUMBNAILS = 100
THUMBNAIL = 128
OCTAVES = ((4, 70.0), (9, 40.0), (30, 22.0), (110, 16.0), (500, 14.0))
"""(cells along the longer side, amplitude): big soft shapes first, grain last."""


def make_photos(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(COUNT):
        (folder / f"made{seed:04d}.jpg").write_bytes(photo(seed))


def make_thumbnails(photos: Path, folder: Path) -> None:
    """Write the first hundred photos at 128 pixels: 4 kB each, so that latency dominates."""
    folder.mkdir()
    for path in sorted(photos.glob("*.jp*g"))[:THUMBNAILS]:
        pixels = cv2.imread(str(path))
        if pixels is None:
            raise BenchmarkError(f"{path}: not a picture that OpenCV can read")
        scale = THUMBNAIL / max(pixels.shape[:2])
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{path.stem}.jpg"), small, [cv2.IMWRITE_JPEG_QUALITY, 80])


def photo(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    width = int(random.integers(460, 541))
    height = int(random.integers(340, 411))
    pixels = gradient(random, width, height)
    for cells, amplitude in OCTAVES:
        pixels += amplitude * noise(random, width, height, cells)
    image = np.clip(pixels, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(data.tobytes())


def gradient(random: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float32]:
    corners = random.uniform(60, 200, (2, 2, 3)).astype(np.float32)
    return np.asarray(cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR))


def noise(
    random: np.random.Generator, width: int, height: int, cells: int
) -> npt.NDArray[np.float32]:
    """Return noise with a grain of 1/cells of the width, mostly grey, like a photo."""
    rows = max(2, cells * height // width)
    grain = random.standard_normal((rows, cells, 1)).astype(np.float32)
    colour = random.standard_normal((rows, cells, 3)).astype(np.float32)
    layer = grain + 0.3 * colour
    return np.asarray(cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC))
