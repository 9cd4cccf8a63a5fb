"""Failed rows -> CSV for people, or a list that can be run again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.dataset.layout import StoredShard
from img2dataset.errors import OptionError
from img2dataset.insight.failed_rows import OUTCOME_COLUMNS, REASON
from img2dataset.insight.retry_command import list_changed_options
from img2dataset.json_text import to_json
from img2dataset.recipes.command import format_command
from img2dataset.records import CAPTION, URL

LIST_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "txt",
    ".jsonl": "jsonl",
    ".parquet": "parquet",
}
"""Ending of a file -> its input_format."""
SEPARATORS = {"csv": ",", "tsv": "\t"}
READING = (
    "columns", "delimiter", "quoting", "rename_columns", "url_template", "where", "deduplicate",
    "duplicate_captions", "shuffle", "limit", "input_format", "url_col",
)  # fmt: skip
"""Options about the old list, which the new one does not need."""

Batches = Iterable[tuple[StoredShard, pa.RecordBatch]]


def write_csv(batches: Batches, write: Callable[[str], object]) -> None:
    """Write rows with a header; nothing if there are none.

    Columns are those of the first shard that has rows: another list, added later, may have others.
    """
    names: list[str] = []
    for _, batch in batches:
        lines = []
        if not names:
            names = batch.schema.names
            lines.append(names)
        columns = [to_texts(batch, name) for name in names]
        lines += [list(row) for row in zip(*columns, strict=True)]
        write(format_lines(lines, ","))


def format_lines(lines: Sequence[Sequence[str]], separator: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(lines)
    return out.getvalue()


def to_texts(batch: pa.RecordBatch, name: str) -> list[str]:
    """Return the values of a column as texts; empty ones where it is missing or null."""
    place = batch.schema.get_field_index(name)
    if place < 0:
        return [""] * batch.num_rows
    return [to_text(value) for value in batch.column(place).to_pylist()]


def to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    plain = json.loads(to_json(value))
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def find_list_format(path: str) -> str:
    """Return the input_format of a list by the ending of its name.

    Raises:
        OptionError: it has another ending.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in LIST_FORMATS:
        raise OptionError(f"--output={path}: a list of rows ends in {', '.join(LIST_FORMATS)}")
    return LIST_FORMATS[suffix]


class ListWriter:
    """Writes rows as a list with the columns that the first list had."""

    def __init__(self, file: IO[bytes], list_format: str) -> None:
        self._file = file
        self._format = list_format
        self._names: list[tuple[str, str]] = []
        self._parquet: pq.ParquetWriter | None = None
        self.options: dict[str, Any] = {}
        """Of the run that the first rows are from, those that are not the defaults."""
        self.count = 0

    def write(self, shard: StoredShard, batch: pa.RecordBatch) -> None:
        """Write some rows."""
        is_first = not self._names
        if is_first:
            self._names = name_columns(batch.schema.names, shard.options)
            self.options = make_run_options(shard.options, dict(self._names), self._format)
        self.count += batch.num_rows
        if self._format == "parquet":
            self._write_parquet(batch)
        elif self._format == "txt":
            urls = [url for url in to_texts(batch, URL) if url.strip()]
            self._file.write("".join(f"{url}\n" for url in urls).encode())
        elif self._format == "jsonl":
            self._write_documents(batch)
        else:
            self._write_lines(batch, [[new for _, new in self._names]] if is_first else [])

    def close(self) -> None:
        """Write what is left; a Parquet file without rows would have no columns."""
        if self._parquet is not None:
            self._parquet.close()

    def _write_lines(self, batch: pa.RecordBatch, lines: list[list[str]]) -> None:
        columns = [to_texts(batch, old) for old, _ in self._names]
        lines += [list(row) for row in zip(*columns, strict=True)]
        self._file.write(format_lines(lines, SEPARATORS[self._format]).encode())

    def _write_documents(self, batch: pa.RecordBatch) -> None:
        kept = [pair for pair in self._names if pair[0] in batch.schema.names]
        columns = [batch.column(batch.schema.get_field_index(old)).to_pylist() for old, _ in kept]
        for row in zip(*columns, strict=True):
            document = {new: value for (_, new), value in zip(kept, row, strict=True)}
            self._file.write(json.dumps(json.loads(to_json(document)), ensure_ascii=False).encode())
            self._file.write(b"\n")

    def _write_parquet(self, batch: pa.RecordBatch) -> None:
        if self._parquet is None:
            fields = [
                pa.field(new, give_type(batch.schema.field(old).type)) for old, new in self._names
            ]
            self._parquet = pq.ParquetWriter(self._file, pa.schema(fields))
        schema = self._parquet.schema
        columns = []
        for old, new in self._names:
            place = batch.schema.get_field_index(old)
            kind = schema.field(new).type
            column = batch.column(place) if place >= 0 else pa.nulls(batch.num_rows)
            columns.append(column.cast(kind))
        self._parquet.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def give_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column: one that had only nulls in its first shard becomes text."""
    return pa.string() if pa.types.is_null(kind) else kind


def name_columns(names: Sequence[str], options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pair the columns of the table with the names that they had in the list."""
    of_list = [name for name in names if name not in (*OUTCOME_COLUMNS, REASON)]
    hashed = options.get("verify_hash")
    before = {URL: options.get("url_col"), CAPTION: options.get("caption_col")}
    if hashed:
        before[hashed[1]] = hashed[0]
    pairs = []
    for name in of_list:
        new = before.get(name)
        is_free = new and new.isidentifier() and new not in of_list
        pairs.append((name, str(new) if is_free else name))
    return pairs


def make_run_options(
    recorded: Mapping[str, Any], names: Mapping[str, str], list_format: str
) -> dict[str, Any]:
    """Return the options that read the new list as the old one was."""
    changed = list_changed_options(recorded)
    options = {name: value for name, value in changed.items() if name not in READING}
    if list_format == "txt":
        for name in ("caption_col", "bbox_col", "save_additional_columns", "verify_hash"):
            options.pop(name, None)
    else:
        if names.get(URL, URL) != URL:
            options["url_col"] = names[URL]
        if "caption_col" in options or CAPTION in names:
            options["caption_col"] = names.get(CAPTION, CAPTION)
    if list_format != "txt":
        options["input_format"] = list_format
    return options


def make_command(path: str, output_folder: str, options: Mapping[str, Any]) -> str:
    """Write the command that runs the new list into a folder of its own."""
    again = f"{output_folder.rstrip('/')}-again"
    return format_command({"url_list": path, "output_folder": again, **options})
