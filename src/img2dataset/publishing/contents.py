"""An output folder -> what is stored in it, as the folder-wide files need it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from img2dataset.dataset.identity import Section, load_sections
from img2dataset.dataset.layout import StoredShard, list_shards
from img2dataset.dataset.stats import STATS_READ, parse_stats
from img2dataset.errors import DamagedError, RunError
from img2dataset.formats import TABLE, ShardReader, find_format
from img2dataset.options import QUALITY
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import list_entries, read_many
from img2dataset.storage.remote import is_atomic
from img2dataset.tally import MAX_LABELS, Tally, limit_labels

MAX_SCHEMAS = 64
"""Tables whose schema is read: by its options, a run stores the same columns in all shards."""
THREADS = 16
MAX_LABELS_SUMMED = 10 * MAX_LABELS
"""Different error strings that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class PublishedShard:
    """A shard that is done."""

    name: str
    tally: Tally
    sizes: Mapping[str, int | None]
    """Names in the output folder that are this shard's (also its stats file) -> bytes; None for a
    folder."""

    @property
    def rows(self) -> int:
        """Rows of the list, failures included."""
        return self.tally.count

    @property
    def successes(self) -> int:
        """Rows that have an image: the samples of a tar."""
        return self.tally.successes


@dataclass(frozen=True, slots=True)
class OptOutHandling:
    """Which opt-outs a run respects; each field is an option of that name."""

    disallowed_header_directives: Sequence[str] | None
    respect_tdm_reservation: bool
    respect_content_usage: bool
    robots_txt: str


@dataclass(frozen=True, slots=True)
class Contents:
    """A stored dataset: its shards that are done, in order, and how they were made."""

    output_format: str
    encode_format: str
    """Also the extension, or the column, of the images."""
    options: Mapping[str, Any]
    """Recorded options of the newest shards; empty for a dataset of the old tool."""
    sections: tuple[Section, ...]
    """What was recorded of each list, with its options and the first of its shards."""
    shards: tuple[PublishedShard, ...]
    tally: Tally
    """Counts over all shards."""
    schema: pa.Schema
    """Columns of the metadata tables, unified over the shards; empty if nothing is stored."""
    opt_outs: OptOutHandling | None = None
    """Those of the run that has just ended; None if no run has."""

    @property
    def captions(self) -> bool:
        """Whether samples have caption files."""
        if self.options:
            return self.options.get("caption_col") is not None
        return "caption" in self.schema.names


def read_contents(folder: Folder) -> Contents:
    """Read what is stored: one listing, the stats files, and the schemas of some tables.

    Raises:
        OSError: the folder cannot be read.
        RunError: a file in it cannot be read.
        DamagedError: a stats file or a table is damaged.
    """
    sections = load_sections(folder)
    sizes = dict(list_entries(folder, ""))
    stored = [shard for shard in list_shards(folder, sizes, sections) if shard.stats in shard.files]
    stored.sort(key=lambda shard: shard.id)
    shards = tuple(read_shards(folder, stored, sizes))
    options = stored[-1].options if stored else {}
    output_format = stored[-1].output_format if stored else ""
    schema = unify_schemas(read_schemas(folder, stored)) if stored else pa.schema([])
    return Contents(
        output_format=output_format,
        encode_format=find_encode_format(folder, stored, shards, schema),
        options=options,
        sections=tuple(sections),
        shards=shards,
        tally=add_tallies(shards),
        schema=schema,
    )


def read_shards(
    folder: Folder, stored: Sequence[StoredShard], sizes: Mapping[str, int | None]
) -> Iterator[PublishedShard]:
    """Read the stats files, a thousand at a time."""
    for start in range(0, len(stored), STATS_READ):
        some = stored[start : start + STATS_READ]
        contents = read_many(folder, [shard.stats for shard in some])
        for shard in some:
            if shard.stats not in contents:
                raise RunError(f"{folder.path(shard.stats)} is gone: a run may be changing it")
            yield PublishedShard(
                shard.name,
                read_tally(contents[shard.stats], folder.path(shard.stats)),
                {name: sizes[name] for name in sorted(shard.files)},
            )


def add_tallies(shards: Iterable[PublishedShard]) -> Tally:
    """Add up the counts of all shards, in place: there may be a hundred thousand."""
    total = Tally()
    for shard in shards:
        total.statuses.update(shard.tally.statuses)
        total.labels.update(shard.tally.labels)
        total.reasons.update(shard.tally.reasons)
        if len(total.labels) > MAX_LABELS_SUMMED:
            total = replace(total, labels=limit_labels(total.labels))
    return total


def read_tally(data: bytes, path: str) -> Tally:
    try:
        return parse_stats(data)
    except ValueError as error:
        raise DamagedError(f"{path} is damaged: {error}") from error


def read_schemas(folder: Folder, stored: Sequence[StoredShard]) -> list[pa.Schema]:
    """Read the schemas of the tables: of all of them if no options were recorded, else of some."""
    tables = [shard.name + TABLE for shard in stored if shard.name + TABLE in shard.files]
    recorded = all(shard.options for shard in stored)
    chosen = spread(tables, MAX_SCHEMAS) if recorded else tables
    if not folder.local and not is_atomic(folder.fs):  # sftp: a connection is for one thread
        return [read_schema(folder, name) for name in chosen]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda name: read_schema(folder, name), chosen))


def read_schema(folder: Folder, name: str) -> pa.Schema:
    import pyarrow.parquet as pq  # noqa: PLC0415  (heavy, and every run imports this)

    with open_checked(folder, name) as file:
        return pq.read_schema(file)


def spread(names: Sequence[str], limit: int) -> list[str]:
    """Take at most `limit` of the names, evenly, the first and the last among them."""
    if len(names) <= limit:
        return list(names)
    return [names[round(i * (len(names) - 1) / (limit - 1))] for i in range(limit)]


def unify_schemas(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return every column once, in the order of its first appearance, with a type for all shards.

    A dataset of the old tool may have another type in each shard: numbers widen, a column that is
    null in one has the type of the others, and what has no common type is text.
    """
    types: dict[str, pa.DataType] = {}
    for schema in dict.fromkeys(schemas):
        for field in schema:
            before = types.get(field.name, pa.null())
            types[field.name] = unify_types(before, field.type)
    return pa.schema(list(types.items()))


def unify_types(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other:
        return one
    try:
        unified = pa.unify_schemas(
            [pa.schema([("", one)]), pa.schema([("", other)])], promote_options="permissive"
        )
    except pa.ArrowException:
        return pa.string()
    return unified.field(0).type


def find_encode_format(
    folder: Folder,
    stored: Sequence[StoredShard],
    shards: Sequence[PublishedShard],
    schema: pa.Schema,
) -> str:
    """Find the format of the images: as recorded, or else as a column or a sample says."""
    if stored and stored[-1].options:
        return str(stored[-1].options["encode_format"])
    for shard, published in zip(stored, shards, strict=True):
        declared = find_format(shard.output_format)
        if declared.images_in_table:
            return next((name for name in schema.names if name in QUALITY), "jpg")
        if declared.has_member_files and published.successes:
            reader = ShardReader(folder, shard.name, shard.files, None, read_content=False)
            for sample in declared.read_samples(reader):
                return next((name for name in sample.files if name in QUALITY), "jpg")
    return "jpg"
