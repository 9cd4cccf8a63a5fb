"""The metadata table of a shard -> its rows; whether it has the columns and keys it should."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.errors import DamagedError, Status
from img2dataset.formats import TABLE, find_format
from img2dataset.formats.image_column import find_image_column
from img2dataset.formats.metadata import COLUMNS
from img2dataset.options import FETCH_COLUMNS, OPT_OUT
from img2dataset.options.choices import HashType
from img2dataset.storage.checked_file import CheckedFile, open_checked
from img2dataset.storage.folder import Folder
from img2dataset.verification.checked import Problems

ROW_COLUMNS = ("key", "status", "error_message", "width", "height")
BATCH_ROWS = 1000
STATUSES = frozenset(status.value for status in Status)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of the metadata table."""

    status: str
    message: str | None
    width: int | None
    height: int | None
    digests: tuple[str, ...]
    """Hashes of the downloaded bytes."""

    @property
    def kept(self) -> bool:
        return self.status == Status.SUCCESS.value


def read_rows(folder: Folder, name: str, options: Mapping[str, Any]) -> dict[str, TableRow]:
    """Read all columns of the table; return its rows by key.

    Raises:
        DamagedError: it cannot be read to its end, or lacks columns.
        RunError: see `open_checked`.
    """
    with open_checked(folder, name + TABLE) as file:
        table = read_columns(file, list_expected_columns(options))
    digests = [table[each].to_pylist() for each in HashType.names() if each in table.column_names]
    keys, *others = (table[each].to_pylist() for each in ROW_COLUMNS)
    together = zip(*digests, strict=True) if digests else [()] * len(keys)
    rows = {
        key: TableRow(status, message, width, height, tuple(each for each in found if each))
        for key, status, message, width, height, found in zip(keys, *others, together, strict=True)
    }
    if len(rows) != len(keys):
        twice = len(keys) - len(rows)
        which = "1 row has" if twice == 1 else f"{twice:,} rows have"
        raise DamagedError(f"parquet: {which} the key of another one")
    return rows


def read_columns(file: CheckedFile, expected: Collection[str]) -> pa.Table:
    """Return the columns that say what became of rows; read the others, but images, to their end.

    Raises:
        DamagedError: it lacks columns.
    """
    parquet = pq.ParquetFile(file)
    names = parquet.schema_arrow.names
    missing = set(expected) - set(names)
    if missing:
        raise DamagedError(f"parquet: no column {', '.join(sorted(missing))}")
    kept = [name for name in names if name in (*ROW_COLUMNS, *HashType.names())]
    # images are read one by one, elsewhere
    others = set(names) - {*kept, find_image_column(parquet.schema_arrow)}
    for _ in parquet.iter_batches(BATCH_ROWS, columns=sorted(others), use_threads=False):
        pass  # a list may have large ones
    return parquet.read(columns=kept, use_threads=False)


def list_expected_columns(options: Mapping[str, Any]) -> set[str]:
    """List the columns of a shard made with these options; without options, those of any shard."""
    expected = {"url", *COLUMNS.names}
    expected.update(options.get("save_additional_columns") or ())
    if options.get("caption_col"):  # a list without columns has caption files only
        expected.add("caption")
    if options.get("extract_exif"):
        expected.add("exif")
    if options.get("compute_hash") is not None:
        expected.add(options["compute_hash"])
    if options.get("bbox_col") is not None:
        expected.add(options["bbox_col"])
    if options.get("save_fetch_metadata"):
        expected.update(FETCH_COLUMNS)
    if options.get("save_opt_out_signals"):
        expected.add(OPT_OUT)
    if options and find_format(options["output_format"]).images_in_table:
        expected.discard(options["encode_format"])  # an input column of that name gave way
    return expected


def check_rows(rows: Mapping[str, TableRow], name: str, problems: Problems) -> None:
    """Check that keys are the shard's, without gaps, and that messages fit statuses."""
    digits = len(next(iter(rows), name)) - len(name)
    count = len(rows)
    expected = {f"{name}{row:0{digits}d}" if digits > 0 else name for row in range(count)}
    for key in sorted(rows.keys() - expected):
        problems.add("parquet: a key that is not the shard's, or leaves a gap", key)
    for key, row in rows.items():
        if row.status not in STATUSES:
            problems.add(f"parquet: status {row.status!r}", key)
        elif row.kept and row.message:
            problems.add("parquet: a success with an error message", key)
        elif not row.kept and not row.message:
            problems.add("parquet: a failure without an error message", key)
