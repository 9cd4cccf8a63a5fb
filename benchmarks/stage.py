"""The image stage of whatever img2dataset this Python has, and bare codecs, measured on request.

python -m benchmarks.stage < REQUESTS: `benchmarks.kinds` starts one with each Python it compares.

A request and its answer are lines of JSON: {"time": STEP, "format": "jpg", "paths": [...]} ->
the CPU seconds of one pass, null where the step cannot read a file; {"make": PATH} -> the image
stage's result as PNG, in base64, null where it refuses the file.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from img2dataset.errors import RowError
from img2dataset.images import ImageConfig, make_processor
from img2dataset.images.process import ImageProcessor

SIDE = 256
MIN_SECONDS = 0.1
QUALITY = {"jpg": 95, "png": 6, "webp": 95}
Pixels = npt.NDArray[np.uint8]
"""height x width (grey) or height x width x 3 (BGR)."""


# -- ours --


DEFAULTS: dict[str, Any] = {
    "image_size": SIDE,
    "resize_mode": "border",
    "resize_only_if_bigger": False,
    "upscale_interpolation": "lanczos",
    "downscale_interpolation": "area",
    "encode_format": "jpg",
    "encode_quality": QUALITY["jpg"],
    "skip_reencode": False,
    "disable_all_reencoding": False,
    "min_image_size": 0,
    "max_image_area": float("inf"),
    "max_aspect_ratio": float("inf"),
    "max_decoded_pixels": 256_000_000,
    "apply_exif_orientation": False,
    "extract_exif": True,
    "convert_to_srgb": False,
}
PROCESSORS: dict[str, ImageProcessor] = {}


def processor(**options: Any) -> ImageProcessor:
    """Return the image stage with default options but for these."""
    key = json.dumps(options, sort_keys=True)
    if key not in PROCESSORS:
        known = {one.name for one in fields(ImageConfig)}
        given = {name: value for name, value in {**DEFAULTS, **options}.items() if name in known}
        made = make_processor(ImageConfig(**given))
        assert isinstance(made, ImageProcessor)
        PROCESSORS[key] = made
    return PROCESSORS[key]


def make_png(data: bytes, **options: Any) -> bytes:
    """Return what the image stage makes, without loss."""
    return processor(**{**options, "encode_format": "png", "encode_quality": 1}).process(data).data


# -- bare codecs --


def fitted(width: int, height: int) -> tuple[int, int]:
    scale = SIDE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resized(pixels: Pixels) -> Pixels:
    """Resize with OpenCV, as by default: area average, or Lanczos to enlarge."""
    height, width = pixels.shape[:2]
    how = cv2.INTER_AREA if max(width, height) > SIDE else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(pixels, fitted(width, height), interpolation=how))


def bordered(small: Pixels) -> Pixels:
    height, width = small.shape[:2]
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    padded = np.full((SIDE, SIDE, *small.shape[2:]), 255, np.uint8)
    padded[top : top + height, left : left + width] = small
    return padded


def encoded(small: Pixels, encode_format: str) -> bytes:
    names = {
        "jpg": cv2.IMWRITE_JPEG_QUALITY,
        "png": cv2.IMWRITE_PNG_COMPRESSION,
        "webp": cv2.IMWRITE_WEBP_QUALITY,
    }
    how = [names[encode_format], QUALITY[encode_format]]
    return bytes(cv2.imencode(f".{encode_format}", bordered(small), how)[1])


def by_stage(data: bytes, encode_format: str) -> None:
    quality = QUALITY[encode_format]
    processor(encode_format=encode_format, encode_quality=quality).process(data)


def by_opencv(data: bytes, encode_format: str) -> None:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("OpenCV does not know it")
    encoded(resized(pixels), encode_format)


def by_simplejpeg(data: bytes, encode_format: str) -> None:
    grey = simplejpeg.decode_jpeg_header(data)[2] == "Gray"
    pixels = np.asarray(simplejpeg.decode_jpeg(data, "GRAY" if grey else "BGR"))
    encoded(resized(pixels), encode_format)


def by_pillow(data: bytes, encode_format: str) -> None:
    with Image.open(io.BytesIO(data)) as image:
        size = fitted(*image.size)
        how = Image.Resampling.BOX if max(image.size) > SIDE else Image.Resampling.LANCZOS
        transparent = image.has_transparency_data
        small = image.convert("RGBA" if transparent else "RGB").resize(size, how)
    square = Image.new("RGB", (SIDE, SIDE), "white")
    place = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    square.paste(small, place, small if transparent else None)
    options = {"png": {"compress_level": QUALITY["png"]}}.get(
        encode_format, {"quality": QUALITY[encode_format]}
    )
    square.save(io.BytesIO(), "JPEG" if encode_format == "jpg" else encode_format, **options)


STEPS: dict[str, Callable[[bytes, str], None]] = {
    "image stage": by_stage,
    "OpenCV": by_opencv,
    "simplejpeg": by_simplejpeg,
    "Pillow": by_pillow,
}
"""To 256 with border, encoded; all but the first do nothing besides."""


# -- on request --


def time_step(step: str, encode_format: str, paths: Sequence[str]) -> float | None:
    """Return the CPU seconds of one pass, of as many as take MIN_SECONDS; None if the step cannot
    read one of the files."""
    files = [Path(path).read_bytes() for path in paths]
    run = STEPS[step]
    try:
        run(files[0], encode_format)  # libraries load what they need at the first file
        passes, began = 0, time.process_time()
        while (used := time.process_time() - began) < MIN_SECONDS:
            for data in files:
                run(data, encode_format)
            passes += 1
    except (ValueError, OSError, RowError):
        return None
    return used / passes


def answer(request: dict[str, Any]) -> Any:
    if "time" in request:
        return time_step(request["time"], request["format"], request["paths"])
    try:
        return base64.b64encode(make_png(Path(request["make"]).read_bytes())).decode()
    except RowError:
        return None


def main() -> None:
    cv2.setNumThreads(1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
