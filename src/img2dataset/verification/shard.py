"""A shard -> its problems."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import orjson

from img2dataset.dataset.layout import StoredShard
from img2dataset.dataset.stats import parse_stats
from img2dataset.errors import DamagedError, Status
from img2dataset.formats import TABLE, find_format, list_shard_names
from img2dataset.storage.checked_file import first_line
from img2dataset.storage.folder import Folder
from img2dataset.tally import MAX_LABELS, Tally
from img2dataset.text import plural
from img2dataset.verification.checked import CheckedShard, Problems
from img2dataset.verification.sample_check import SampleCheck, add_place
from img2dataset.verification.table import TableRow, check_rows, read_rows


def check_shard(
    folder: Folder, shard: StoredShard, kinds: Collection[str], *, deep: bool
) -> CheckedShard:
    """Check everything that is stored of a shard that is done.

    Args:
        folder: the output folder.
        shard: what is listed of it.
        kinds: the kinds of indexes that the dataset has.
        deep: decode its images, too.
    """
    problems = Problems()
    stats = read_counts(folder, shard, problems)
    if not find_format(shard.output_format).stores_rows:
        return make_result(shard, stats, stats.successes if stats else 0, problems)
    for name in find_missing_files(shard, stats):
        problems.add(f"{name} is missing")
    rows = read_table(folder, shard, problems)
    if rows is not None:
        check_rows(rows, shard.name, problems)
        if stats is not None:
            check_counts(rows, stats, problems)
    images = SampleCheck(folder, shard, rows, problems, deep=deep).run()
    checked = make_result(shard, stats, images, problems)
    if checked.problems or not find_format(shard.output_format).indexes:
        return checked
    # few datasets have any
    from img2dataset.verification.indexes import find_wrong_indexes  # noqa: PLC0415

    return replace(checked, wrong_indexes=find_wrong_indexes(folder, shard, kinds))


def make_result(
    shard: StoredShard, stats: Tally | None, images: int, problems: Problems
) -> CheckedShard:
    return CheckedShard(shard.name, stats.count if stats else 0, images, problems.texts())


def read_table(
    folder: Folder, shard: StoredShard, problems: Problems
) -> dict[str, TableRow] | None:
    if shard.name + TABLE not in shard.files:
        return None
    try:
        return read_rows(folder, shard.name, shard.options)
    except DamagedError as error:
        problems.add(add_place(error, "parquet"))
        return None


def read_counts(folder: Folder, shard: StoredShard, problems: Problems) -> Tally | None:
    """Read the counts in the stats file, and check that they add up."""
    data = folder.read(shard.stats)
    try:
        tally, stored = parse_stats(data), int(orjson.loads(data)["count"])
    except (ValueError, KeyError, TypeError) as error:
        problems.add(f"stats: cannot be read ({first_line(error)})")
        return None
    labels = tally.labels.total()
    if tally.count != stored:
        problems.add(f"stats: successes and failures are {tally.count}, count is {stored}")
    elif labels > stored or (labels < stored and len(tally.labels) < MAX_LABELS):
        problems.add(f"stats: status_dict adds up to {labels}, count is {stored}")
    return tally


def find_missing_files(shard: StoredShard, stats: Tally | None) -> list[str]:
    names = set(list_shard_names(shard.output_format, shard.name))
    if stats is not None and stats.successes == 0:  # an object store has no empty folders
        names.discard(shard.name)
    return sorted(names - shard.files)


def check_counts(rows: Mapping[str, TableRow], stats: Tally, problems: Problems) -> None:
    """Compare the stats with the table."""
    if len(rows) != stats.count:
        problems.add(f"stats say {plural(stats.count, 'row')}, the table has {len(rows)}")
    for status in Status:
        count = sum(row.status == status.value for row in rows.values())
        if count != stats.statuses[status.value]:
            problems.add(
                f"stats say {stats.statuses[status.value]} {status.value}, the table {count}"
            )
