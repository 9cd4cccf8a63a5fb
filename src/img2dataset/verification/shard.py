"""A shard -> what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from img2dataset.dataset.layout import StoredShard
from img2dataset.dataset.stats import tally_of_stats
from img2dataset.errors import DamagedError, Status
from img2dataset.formats import TABLE, find_format, stored_names
from img2dataset.storage.checked_file import first_line
from img2dataset.storage.folder import Folder
from img2dataset.tally import MAX_LABELS, Tally
from img2dataset.text import plural
from img2dataset.verification.checked import Checked, Problems
from img2dataset.verification.sample_check import SampleCheck, told
from img2dataset.verification.table import TableRow, check_rows, rows_of


def check_shard(folder: Folder, shard: StoredShard, *, deep: bool) -> Checked:
    """Look at everything that is stored of a shard that is done."""
    problems = Problems()
    stats = stats_of(folder, shard, problems)
    if not find_format(shard.output_format).stores_rows:
        return checked(shard, stats, stats.successes if stats else 0, problems)
    for name in missing_files(shard, stats):
        problems.add(f"{name} is missing")
    rows = table_of(folder, shard, problems)
    if rows is not None:
        check_rows(rows, shard.name, problems)
        if stats is not None:
            check_counts(rows, stats, problems)
    images = SampleCheck(folder, shard, rows, problems, deep=deep).run()
    return checked(shard, stats, images, problems)


def checked(shard: StoredShard, stats: Tally | None, images: int, problems: Problems) -> Checked:
    return Checked(shard.name, stats.count if stats else 0, images, problems.texts())


def table_of(folder: Folder, shard: StoredShard, problems: Problems) -> dict[str, TableRow] | None:
    if shard.name + TABLE not in shard.files:
        return None
    try:
        return rows_of(folder, shard.name, shard.options)
    except DamagedError as error:
        problems.add(told(error, "parquet"))
        return None


def stats_of(folder: Folder, shard: StoredShard, problems: Problems) -> Tally | None:
    """The counts in the stats file, which have to add up."""
    data = folder.read(shard.stats)
    try:
        tally, stored = tally_of_stats(data), int(orjson.loads(data)["count"])
    except (ValueError, KeyError, TypeError) as error:
        problems.add(f"stats: cannot be read ({first_line(error)})")
        return None
    labels = tally.labels.total()
    if tally.count != stored:
        problems.add(f"stats: successes and failures are {tally.count}, count is {stored}")
    elif labels > stored or (labels < stored and len(tally.labels) < MAX_LABELS):
        problems.add(f"stats: status_dict adds up to {labels}, count is {stored}")
    return tally


def missing_files(shard: StoredShard, stats: Tally | None) -> list[str]:
    names = set(stored_names(shard.output_format, shard.name))
    if stats is not None and stats.successes == 0:  # an object store has no empty folders
        names.discard(shard.name)
    return sorted(names - shard.files)


def check_counts(rows: Mapping[str, TableRow], stats: Tally, problems: Problems) -> None:
    """What the stats say is what the table says."""
    if len(rows) != stats.count:
        problems.add(f"stats say {plural(stats.count, 'row')}, the table has {len(rows)}")
    for status in Status:
        count = sum(row.status == status.value for row in rows.values())
        if count != stats.statuses[status.value]:
            problems.add(
                f"stats say {stats.statuses[status.value]} {status.value}, the table {count}"
            )
