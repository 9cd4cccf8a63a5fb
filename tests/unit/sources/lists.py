"""What tests of sources share: writing lists in any format, and reading them back as rows."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.records import Row, Shard
from img2dataset.sources import SourceConfig, load_table, open_source
from img2dataset.sources.rows import make_rows

Records = Sequence[Mapping[str, Any]]


def config(input_format: str = "txt", url_col: str = "url", **more: Any) -> SourceConfig:
    return SourceConfig(input_format, url_col, **more)


def content(records: Records, input_format: str) -> bytes:
    """A list in a format, as another program would write it."""
    base, _, ending = input_format.partition(".")
    match base:
        case "txt":
            plain = "".join(f"{record['url']}\n" for record in records).encode()
        case "csv" | "tsv":
            text = io.StringIO(newline="")
            writer = csv.writer(text, delimiter="," if base == "csv" else "\t")
            writer.writerow(records[0].keys())
            writer.writerows(record.values() for record in records)
            plain = text.getvalue().encode()
        case "json":
            plain = json.dumps(list(records)).encode()
        case "jsonl":
            plain = "".join(f"{json.dumps(record)}\n" for record in records).encode()
        case _:
            sink = pa.BufferOutputStream()
            pq.write_table(pa.Table.from_pylist(list(records)), sink)
            plain = sink.getvalue().to_pybytes()
    return compress(plain, ending)


def compress(plain: bytes, ending: str) -> bytes:
    """The bytes as a file with this ending holds them; "" = as they are."""
    match ending:
        case "gz":
            return gzip.compress(plain)
        case "bz2":
            return bz2.compress(plain)
        case "xz":
            return lzma.compress(plain)
        case "zst":
            return bytes(pa.compress(plain, "zstd", asbytes=True))
        case _:
            return plain


def write(path: Path, data: bytes | str) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def shards_of(url_list: Any, reading: SourceConfig, size: int = 1000) -> list[Shard]:
    return list(open_source(url_list, reading).shards(size))


def rows_in(url_list: Any, reading: SourceConfig, size: int = 1000) -> list[Row]:
    """Every row of a list, as workers see them."""
    return [
        row
        for shard in shards_of(url_list, reading, size)
        for row in make_rows(load_table(shard, reading), shard.id, reading, str)
    ]


def fields_in(url_list: Any, reading: SourceConfig) -> list[dict[str, Any]]:
    return [dict(row.fields) for row in rows_in(url_list, reading)]


def urls_in(url_list: Any, reading: SourceConfig) -> list[str | None]:
    return [row.url for row in rows_in(url_list, reading)]


def problems_in(url_list: Any, reading: SourceConfig) -> list[str | None]:
    return [row.problem for row in rows_in(url_list, reading)]
