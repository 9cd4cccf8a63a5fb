"""Measure the memory of a worker with default options and photos of 4000 x 3000 pixels.

python -m benchmarks.image_memory [--urls 300] [--append TABLE.md]

Baseline JPEGs are never decoded to a whole picture.  Of progressive JPEGs all coefficients are kept
until the last scan, twice as many without subsampling of colours (4:4:4); of PNGs all rows.  The
limit that the table shows is computed for these: what may wait between the stages, and for each
image thread an image that is decoded whole.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.cases import run_list
from benchmarks.photos import photo
from benchmarks.run import OURS, heading, tell
from benchmarks.site import serving
from img2dataset.options import Options
from img2dataset.worker.resources import image_threads, limit_bytes

WIDTH, HEIGHT = 4000, 3000
MB = 1_000_000
LIBRARIES = 150 * MB
LARGEST_BODY = 64 * MB
SLACK = 1.5
"""What the allocator cannot use at once."""
PER_PIXEL = 12
"""Bytes that decoding a PNG or a progressive JPEG takes at most, see docs/images.md."""
PROGRESSIVE = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
ENCODERS: dict[str, tuple[str, list[int]]] = {
    "baseline": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 92]),
    "progressive 4:2:0": (".jpg", PROGRESSIVE),
    "progressive 4:4:4": (
        ".jpg",
        [
            *PROGRESSIVE,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ],
    ),
    "png": (".png", [cv2.IMWRITE_PNG_COMPRESSION, 1]),
}
"""Kind -> its extension, OpenCV's parameters."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.image_memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--urls", type=int, default=300)
    parser.add_argument("--append", type=Path, metavar="FILE", help="add the table to FILE")
    given = parser.parse_args()
    text = "\n".join([heading("benchmarks.image_memory"), "", *table(given.urls)])
    print(text)
    if given.append is not None:
        with given.append.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")
    return 0


def ceiling(options: Options) -> float:
    images = image_threads(options) * WIDTH * HEIGHT * PER_PIXEL
    return SLACK * (limit_bytes(options) + LARGEST_BODY) + LIBRARIES + images


def table(urls: int) -> list[str]:
    options = Options(url_list="unused")
    limit = ceiling(options)
    told = (
        f"Ceiling of a worker with default options and images of {WIDTH} x {HEIGHT}, computed "
        f"beforehand: **{limit / MB:.0f} MB** = {SLACK} x ({limit_bytes(options) / MB:.0f} MB "
        f"waiting + a body of {LARGEST_BODY / MB:.0f}) + {LIBRARIES / MB:.0f} of libraries + "
        f"{image_threads(options)} threads x {WIDTH} x {HEIGHT} x {PER_PIXEL} bytes."
    )
    lines = [
        told,
        "",
        f"| {urls} URLs | images/s | CPU ms per image | peak of the worker, MB | below the ceiling |",
        "|--|--:|--:|--:|--|",
    ]
    return [*lines, *rows(urls, limit)]


def rows(urls: int, limit: float) -> Iterator[str]:
    for kind in ENCODERS:
        with tempfile.TemporaryDirectory(prefix="img2dataset-bench-") as name:
            folder = Path(name)
            (folder / "made").mkdir()
            (folder / "site").mkdir()
            make_photos(folder / "made", kind)
            with serving(folder / "made", folder / "site") as site:
                outcome = run_list(
                    site.urls(urls),
                    {"output_format": "webdataset"},
                    OURS,
                    folder=folder,
                    env={},
                    helpers=[site.pid],
                )
            tell(kind, outcome)
        peak = outcome.usage.peak_process
        cells = [
            kind if outcome.problem is None else f"{kind} (INVALID: {outcome.problem})",
            f"{outcome.images_per_second:.0f}",
            f"{1000 * outcome.cpu_per_image:.1f}",
            f"{peak / MB:.0f}",
            "yes" if peak <= limit else "**no**",
        ]
        yield f"| {' | '.join(cells)} |"


def make_photos(folder: Path, kind: str) -> None:
    """Write four photos; their names end in .jpg in every format."""
    extension, params = ENCODERS[kind]
    for seed in range(4):
        small = cv2.imdecode(np.frombuffer(photo(seed), np.uint8), cv2.IMREAD_COLOR)
        large = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        (folder / f"{seed}.jpg").write_bytes(bytes(cv2.imencode(extension, large, params)[1]))


if __name__ == "__main__":
    sys.exit(main())
