"""The output folder and the list -> records of `measured`: room, speed, the disk's clock."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from img2dataset.doctor.measured import DiskSpeed, Room
from img2dataset.options import Options

BLOCK = b"\xa5" * (1 << 20)
MAX_BLOCKS = 64
MAX_WRITE_S = 3.0
SMALL_FILES = 200
SMALL_BYTES = 10_000
BYTES_PER_PIXEL = {"jpg": 0.35, "png": 2.0, "webp": 0.25}
"""Of usual photos, at the default quality."""
ORIGINAL_BYTES = 300_000
"""Of an image of the web that keeps its size."""
METADATA_BYTES = 1500
FILES_PER_ROW = 2


@dataclass(frozen=True, slots=True)
class Probe:
    """What writing to the output folder has shown."""

    speed: DiskSpeed
    ahead_of_disk_s: float
    """Of this machine's clock, of that of the file system."""


def find_folder(root: str) -> Path:
    """Return the output folder, or the nearest folder above it that is there."""
    place = Path(root).absolute()
    return next(each for each in (place, *place.parents) if each.is_dir())


def measure_room(folder: Path, options: Options, rows: int | None) -> Room:
    """Compare the room with what a list of so many rows may need."""
    files = None
    with suppress(AttributeError, OSError):  # Windows has no such call
        found = os.statvfs(folder)
        files = found.f_favail if found.f_files else None
    needed = None if rows is None else rows * guess_row_bytes(options)
    needs_files = rows is not None and options.output_format == "files"
    return Room(
        str(folder),
        shutil.disk_usage(folder).free,
        files,
        needed,
        (rows or 0) * FILES_PER_ROW if needs_files else None,
    )


def guess_row_bytes(options: Options) -> int:
    """Guess the bytes of a row that gives an image; `img2dataset estimate` measures them."""
    if options.output_format == "dummy":
        return 0
    keeps_size = options.disable_all_reencoding or options.resize_mode == "no"
    if keeps_size:
        return ORIGINAL_BYTES + METADATA_BYTES
    pixels = options.image_size**2
    return int(pixels * BYTES_PER_PIXEL[options.encode_format]) + METADATA_BYTES


def probe_disk(folder: Path, options: Options) -> Probe:
    """Write a large file and small ones into a temporary folder, which is removed.

    Raises:
        OSError: nothing can be written there.
    """
    with TemporaryDirectory(prefix=".img2dataset-doctor-", dir=folder) as name:
        place = Path(name)
        large = write_large_file(place / "large")
        ahead = time.time() - (place / "large").stat().st_mtime
        began = time.monotonic()
        for number in range(SMALL_FILES):
            (place / f"{number}").write_bytes(BLOCK[:SMALL_BYTES])
        small = SMALL_FILES / max(time.monotonic() - began, 1e-6)
    return Probe(DiskSpeed(large, small, options.output_format == "files"), ahead)


def write_large_file(path: Path) -> float:
    """Write until there is enough to tell, or the time is up; return bytes per second."""
    began = time.monotonic()
    written = 0
    with path.open("wb", buffering=0) as file:
        while written < MAX_BLOCKS and time.monotonic() - began < MAX_WRITE_S:
            file.write(BLOCK)
            written += 1
        os.fsync(file.fileno())
    os.utime(path)  # the file system's own time, whichever machine it is on
    return written * len(BLOCK) / max(time.monotonic() - began, 1e-6)
