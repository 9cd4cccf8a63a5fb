"""A stored shard -> counts of its rows, a batch of rows at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from img2dataset.dataset.layout import StoredShard
from img2dataset.errors import DamagedError, Status
from img2dataset.formats import TABLE
from img2dataset.insight.digests import Numbers, Pairs, Words
from img2dataset.insight.hosts import OUTCOMES, Counts
from img2dataset.options.choices import HashType
from img2dataset.records import CAPTION, URL
from img2dataset.reports.words import classify
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder

BATCH_ROWS = 1 << 16
SUCCESS = Status.SUCCESS.value
MESSAGE = "error_message"
SIZES = ("original_width", "original_height")
HOST = r"(?s)^.*?://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^/?#\\:]*)"
"""As `find_host` reads a URL."""
MAX_HOST_LENGTH = 255
MAX_EXAMPLE_LENGTH = 2000
CLASS_INDEX = {kind: number for number, kind in enumerate(OUTCOMES)}


@dataclass(frozen=True, slots=True)
class FailureCount:
    """Rows of a batch that failed with the same message."""

    status: str
    message: str
    count: int
    example: str
    """URL of the first of them."""


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What a batch of rows adds to the findings."""

    first_row: int
    """In the shard."""
    rows: int
    statuses: Mapping[str, int]
    failures: tuple[FailureCount, ...]
    hosts: tuple[str, ...]
    host_counts: Counts
    """[host, outcome] -> rows."""
    sides: Numbers
    """Shorter sides in pixels, of successes with a size."""
    ratios: Numbers
    """Width / height in hundredths, of the same."""
    captions: Numbers | None
    """Characters of the captions of successes; None without captions."""
    hash_name: str
    """Empty if there are no hashes."""
    pairs: Pairs | None
    """Their `rows` are those of the shard."""


def read_batches(folder: Folder, shard: StoredShard) -> Iterator[BatchFacts]:
    """Read the metadata table of a shard; none if it has no table.

    Raises:
        DamagedError: the table cannot be read to its end, or lacks columns.
        RunError: it cannot be read, which does not mean that it is damaged.
    """
    if shard.name + TABLE not in shard.files:
        return
    with open_checked(folder, shard.name + TABLE) as file:
        parquet = pq.ParquetFile(file, pre_buffer=False)
        names = list_columns(parquet.schema_arrow)
        first = 0
        for batch in parquet.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
            yield count_batch(batch, first)
            first += batch.num_rows


def list_columns(schema: pa.Schema) -> list[str]:
    """List the columns that are counted.

    Raises:
        DamagedError: one is missing that every table has.
    """
    missing = {URL, "key", "status", MESSAGE}.difference(schema.names)
    if missing:
        raise DamagedError(f"parquet: no column {', '.join(sorted(missing))}")
    digest = next((name for name in HashType.names() if name in schema.names), None)
    wanted = (URL, "status", MESSAGE, *SIZES, CAPTION, digest)
    return [name for name in wanted if name is not None and name in schema.names]


def count_batch(batch: pa.RecordBatch, first_row: int) -> BatchFacts:
    """Count the rows of a batch."""
    urls, statuses = take_text(batch, URL), take_text(batch, "status")
    is_kept = pc.fill_null(pc.equal(statuses, SUCCESS), False)
    messages = pc.if_else(is_kept, pa.scalar(None, pa.string()), fill(take_text(batch, MESSAGE)))
    encoded = pc.dictionary_encode(messages)
    hosts = find_hosts(urls)
    sides, ratios = measure_sizes(batch, is_kept)
    digest = next((name for name in HashType.names() if name in batch.schema.names), "")
    return BatchFacts(
        first_row=first_row,
        rows=batch.num_rows,
        statuses={each["values"] or "": each["counts"] for each in pc.value_counts(statuses).to_pylist()},
        failures=tuple(count_failures(encoded, statuses, urls)),
        hosts=tuple(name[:MAX_HOST_LENGTH] for name in hosts.dictionary.to_pylist()),
        host_counts=count_hosts(hosts, encoded),
        sides=sides,
        ratios=ratios,
        captions=measure_captions(batch, is_kept),
        hash_name=digest,
        pairs=pair(batch, digest, is_kept, hosts, urls) if digest else None,
    )  # fmt: skip


def take_text(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column as texts; empty ones where the column has values of another kind."""
    column = batch.column(batch.schema.get_field_index(name))
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(batch.num_rows, pa.string())


def fill(texts: pa.Array) -> pa.Array:
    return pc.fill_null(texts, "")


def find_hosts(urls: pa.Array) -> pa.DictionaryArray:
    """Return the host of each URL, in lower case; empty where there is none."""
    found = pc.struct_field(pc.extract_regex(urls, HOST), [0])
    return pc.dictionary_encode(pc.utf8_lower(fill(found)))


def to_numbers(array: pa.Array) -> Numbers:
    numbers: Numbers = array.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def count_hosts(hosts: pa.DictionaryArray, messages: pa.DictionaryArray) -> Counts:
    """Count the rows of each host by outcome: a null message is a success."""
    classes = np.array(
        [CLASS_INDEX[classify(text)] for text in messages.dictionary.to_pylist()] + [0], np.int64
    )
    outcomes = classes[to_numbers(pc.fill_null(messages.indices, len(classes) - 1))]
    kinds = len(OUTCOMES)
    places = to_numbers(hosts.indices) * kinds + outcomes
    counted = np.bincount(places, minlength=len(hosts.dictionary) * kinds)
    return counted.astype(np.int64).reshape(-1, kinds)


def count_failures(
    messages: pa.DictionaryArray, statuses: pa.Array, urls: pa.Array
) -> Iterator[FailureCount]:
    """Count the rows of each message, with the first of them."""
    codes = to_numbers(pc.fill_null(messages.indices, -1))
    found, firsts, counts = np.unique(codes, return_index=True, return_counts=True)
    texts = messages.dictionary.to_pylist()
    for code, first, count in zip(found.tolist(), firsts.tolist(), counts.tolist(), strict=True):
        if code >= 0:
            url = urls[first].as_py() or ""
            yield FailureCount(
                statuses[first].as_py() or "", texts[code], count, url[:MAX_EXAMPLE_LENGTH]
            )


def measure_sizes(batch: pa.RecordBatch, is_kept: pa.Array) -> tuple[Numbers, Numbers]:
    """Measure shorter sides and aspect ratios of the successes whose size is stored."""
    if not set(SIZES) <= set(batch.schema.names):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    sides = [
        pc.fill_null(batch.column(batch.schema.get_field_index(name)).cast(pa.int64()), 0)
        for name in SIZES
    ]
    width, height = (to_numbers(pc.filter(each, is_kept)) for each in sides)
    is_known = (width > 0) & (height > 0)
    width, height = width[is_known], height[is_known]
    ratios = np.rint(width / height * RATIO_UNIT).astype(np.int64)
    return np.minimum(width, height), ratios


RATIO_UNIT = 100


def measure_captions(batch: pa.RecordBatch, is_kept: pa.Array) -> Numbers | None:
    if CAPTION not in batch.schema.names:
        return None
    lengths = pc.utf8_length(fill(take_text(batch, CAPTION)))
    return to_numbers(pc.filter(lengths, is_kept))


def pair(
    batch: pa.RecordBatch, digest: str, is_kept: pa.Array, hosts: pa.DictionaryArray, urls: pa.Array
) -> Pairs:
    """Pair the hashes of successes with their hosts."""
    texts = take_text(batch, digest)
    has_hash = pc.and_(is_kept, pc.fill_null(pc.greater(pc.utf8_length(texts), 0), False))
    chosen = np.flatnonzero(has_hash.to_numpy(zero_copy_only=False))
    words = np.array([digest_host(name) for name in hosts.dictionary.to_pylist()] or [0], np.uint64)
    codes = to_numbers(hosts.indices)[chosen]
    return Pairs(
        digests=read_digests(pc.filter(texts, has_hash)),
        hosts=words[codes],
        counts=np.ones(len(chosen), np.int64),
        urls=mark_urls(pc.filter(urls, has_hash)),
        rows=chosen.astype(np.int64),
    )


def digest_host(host: str) -> int:
    """Return 64 bits that stand for a host."""
    return digest_text(host[:MAX_HOST_LENGTH])


def digest_text(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def read_digests(texts: pa.Array) -> Words:
    """Return the first 64 bits of hashes in hex."""
    found = to_objects(texts)
    try:
        words = [int(text[:16], 16) for text in found]
    except ValueError:  # not of this tool
        words = [digest_text(text) for text in found]
    return np.array(words, np.uint64)


def mark_urls(urls: pa.Array) -> Words:
    """Return for each URL one of 64 bits, by its hash."""
    numbers = [zlib.crc32((url or "").encode()) for url in to_objects(urls)]
    return np.uint64(1) << (np.array(numbers, np.uint64) >> np.uint64(26))


def to_objects(texts: pa.Array) -> Any:
    """Return texts as Python's, which is several times faster than `to_pylist`."""
    return texts.to_numpy(zero_copy_only=False)
