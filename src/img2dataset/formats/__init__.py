"""Samples of a shard -> the shard as it is stored, by output format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from img2dataset.records import Sample
from img2dataset.storage.folder import Folder

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """What is stored of a sample."""

    encode_format: str
    """jpg, png or webp: the extension, and the name of the binary column."""
    captions: bool
    extract_exif: bool
    compute_hash: str | None
    fetch_metadata: bool = False
    """Whether to say how each answer came: see `fetched`."""
    opt_out_signals: bool = False
    """Whether to say what owners say of our use: see `opt_out`."""


class Writer(Protocol):
    """Stores one shard.  Called from one thread."""

    def write(self, sample: Sample) -> None:
        """Take a sample: every row of the shard exactly once, failures too, in any order."""

    def commit(self) -> None:
        """Make the shard visible under its final names: all of it but the stats file."""

    def abort(self) -> None:
        """Leave nothing of the shard; also after a commit that failed, and twice."""


WRITERS = {
    "files": "img2dataset.formats.files",
    "webdataset": "img2dataset.formats.webdataset",
    "parquet": "img2dataset.formats.parquet",
    "tfrecord": "img2dataset.formats.tfrecord",
    "dummy": "img2dataset.formats.dummy",
}
"""output_format -> module with `ShardWriter`, the writer, and `SUFFIXES`, what it may leave."""


def open_writer(
    output_format: str, folder: Folder, name: str, table: pa.Table, config: WriterConfig
) -> Writer:
    """Begin the shard `name`; row i of `table` holds the input columns of its i-th row."""
    make = import_module(WRITERS[output_format]).ShardWriter
    return cast("Callable[..., Writer]", make)(folder, name, table, config)


def stored_names(output_format: str, name: str) -> tuple[str, ...]:
    """What the shard `name` leaves in the output folder, but for its stats file."""
    suffixes: tuple[str, ...] = import_module(WRITERS[output_format]).SUFFIXES
    return tuple(name + suffix for suffix in suffixes)
