"""Small lists in the shape of published ones: the columns and types that a recipe says, in files of
the same kind."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.recipes import Recipe

ROWS = 100
VALUES: dict[str, Callable[[int, str], Any]] = {
    "string": lambda row, name: f"{name} {row}",
    "int32": lambda row, _: row,
    "int64": lambda row, _: 2**60 + row,
    "float": lambda row, _: row / 4,
    "double": lambda row, _: row / 3,
    "list<string>": lambda row, name: [f"{name} {row}.{n}" for n in range(row % 3)],
    "list<float>": lambda row, _: [row / 4] * (row % 3),
    "list<list<double>>": lambda row, _: [[0.1, 0.2, 0.3, 0.4]] * (row % 3),
}
TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "list<string>": pa.list_(pa.string()),
    "list<float>": pa.list_(pa.float32()),
    "list<list<double>>": pa.list_(pa.list_(pa.float64())),
}
IMAGES_PER_DOCUMENT = (2, 0, 3, 1, 4)
"""In turn, where a row of the list has several."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A list, and what its rows are."""

    path: Path
    rows: list[Row]
    """One for each image: column -> value, under the list's own names."""


def make_list(recipe: Recipe, folder: Path, fixed: Callable[[int], Row]) -> PublishedList:
    """Make a list of `ROWS` rows; `fixed` gives the values that must be right: URL, hash, ..."""
    suffix = _find_suffix(recipe)
    path = folder / f"list{suffix}"
    if suffix == ".parquet":
        return _make_parquet(recipe, path, fixed)
    if recipe.nested or suffix == ".tar.gz":
        return _make_json(recipe, path, fixed)
    rows = [{**_fill(recipe, n), **fixed(n)} for n in range(ROWS)]
    path.write_bytes(_make_text(recipe, rows, is_packed=suffix.endswith(".gz")))
    return PublishedList(path, rows)


def _find_suffix(recipe: Recipe) -> str:
    """The ending of the list's name, which says how it is packed."""
    where = recipe.options["url_list"]
    name = (where if isinstance(where, str) else where[0]).rpartition("/")[2]
    return "".join(Path(name.replace("*", "")).suffixes) or name[name.rindex(".") :]


def _fill(recipe: Recipe, row: int) -> Row:
    return {name: VALUES[kind](row, name) for name, kind in recipe.columns.items()}


def _make_parquet(recipe: Recipe, path: Path, fixed: Callable[[int], Row]) -> PublishedList:
    schema = pa.schema([(name, TYPES[kind]) for name, kind in recipe.columns.items()])
    column, is_nested, _ = recipe.options.get("url_col", "url").partition("[*]")
    if not is_nested:
        rows = [{**_fill(recipe, n), **fixed(n)} for n in range(ROWS)]
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
        return PublishedList(path, rows)
    documents, images = [], []
    for number, urls in enumerate(_split_images(fixed)):
        documents.append({**_fill(recipe, number), column: urls})
        images += [{column: url} for url in urls]
    pq.write_table(pa.Table.from_pylist(documents, schema), path)
    return PublishedList(path, images)


def _split_images(fixed: Callable[[int], Row]) -> list[list[str]]:
    """The URLs of `ROWS` images, by document."""
    urls = [next(iter(fixed(n).values())) for n in range(ROWS)]
    documents: list[list[str]] = []
    while urls:
        count = IMAGES_PER_DOCUMENT[len(documents) % len(IMAGES_PER_DOCUMENT)]
        documents.append(urls[:count])
        del urls[:count]
    return documents


def _make_json(recipe: Recipe, path: Path, fixed: Callable[[int], Row]) -> PublishedList:
    """As SBU (columns in a tar), RedCaps (nested rows in a zip) and MMC4 (documents a line)."""
    rows = [{**_fill(recipe, n), **fixed(n)} for n in range(ROWS)]
    if path.name.endswith(".tar.gz"):
        columns = {name: [row[name] for row in rows] for name in recipe.columns}
        _pack_tar(path, "captions.json", json.dumps(columns).encode())
    elif recipe.options["input_format"] == "json":
        _pack_zip(path, "cats_2020.json", json.dumps({"info": {}, recipe.nested: rows}).encode())
    else:
        _pack_zip(path, "docs_shard_0.jsonl", _make_documents(recipe, rows))
    return PublishedList(path, rows)


def _make_documents(recipe: Recipe, rows: Sequence[Row]) -> bytes:
    left = list(rows)
    lines: list[str] = []
    while left:
        count = IMAGES_PER_DOCUMENT[len(lines) % len(IMAGES_PER_DOCUMENT)]
        outer = {
            name: VALUES[kind](len(lines), name) for name, kind in recipe.outer_columns.items()
        }
        lines.append(json.dumps({**outer, recipe.nested: left[:count]}))
        for row in left[:count]:
            row.update(outer)
        del left[:count]
    return "\n".join(lines).encode()


def _pack_tar(path: Path, name: str, data: bytes) -> None:
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))


def _pack_zip(path: Path, name: str, data: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, data)


def _make_text(recipe: Recipe, rows: Sequence[Row], *, is_packed: bool) -> bytes:
    """csv, or tabs without quoting; with the names of the columns unless the list lacks them."""
    lines = [list(row.values()) for row in rows]
    if recipe.header:
        lines.insert(0, list(recipe.columns))
    if recipe.options["input_format"].startswith("tsv"):
        text = "".join("\t".join(line) + "\n" for line in lines)
    else:
        file = io.StringIO()
        csv.writer(file).writerows(lines)
        text = file.getvalue()
    return gzip.compress(text.encode()) if is_packed else text.encode()
