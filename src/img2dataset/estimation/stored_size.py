"""An image and its metadata -> bytes on the disk, by output format; pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.output_format import OutputFormat

BLOCK_BYTES = 4096
"""Of usual file systems: a file takes whole ones."""
TAR_BYTES = 512
"""Of a header, and what contents are padded to."""
FRAME_BYTES = 16
"""Of lengths and checksums around a record of TFRecord or MDS."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a row leaves, in bytes."""

    image: int | None
    """None if it has none."""
    json: int
    caption: int | None
    """None if there are no captions."""


def measure_stored(output_format: str, row: Parts) -> int:
    """Compute the bytes of a row, without those in the metadata table of the shard."""
    if row.image is None:
        return 0
    files = [row.image, row.json] + ([] if row.caption is None else [row.caption])
    match output_format:
        case OutputFormat.FILES:
            return sum(round_up(size, BLOCK_BYTES) for size in files)
        case OutputFormat.WEBDATASET:
            return sum(TAR_BYTES + round_up(size, TAR_BYTES) for size in files)
        case OutputFormat.DUMMY:
            return 0
        case OutputFormat.PARQUET:
            return row.image  # the rest is in the table
        case _:
            return sum(files) + FRAME_BYTES


def round_up(size: int, unit: int) -> int:
    """Return the least multiple of `unit` that is not below `size`."""
    return -(-size // unit) * unit
