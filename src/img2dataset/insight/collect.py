"""A stored dataset -> `Findings`, in one pass over stats and tables.

Several shards are read at the same time, in threads; what they found is merged in their order, so
that the same dataset gives the same findings.  Memory does not grow with the dataset, but for a
few numbers for each shard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from os import cpu_count

from img2dataset.dataset.accounts import read_all_accounts
from img2dataset.dataset.identity import load_sections
from img2dataset.dataset.layout import Layout, StoredShard, read_layout
from img2dataset.dataset.stats import read_stats
from img2dataset.errors import DamagedError, OptionError, Status
from img2dataset.formats import TABLE, find_format
from img2dataset.insight.digests import DigestCounts
from img2dataset.insight.findings import Duplicates, Findings, Placeholder, ShardPoint
from img2dataset.insight.histograms import (
    CHARACTERS,
    MAX_CHARACTERS,
    MAX_RATIO,
    MAX_SIDE,
    RATIO_STEPS,
    RATIOS,
    SIDES,
    Counter,
)
from img2dataset.insight.hosts import HostCounts
from img2dataset.insight.one_row import read_row
from img2dataset.insight.reasons import ReasonCounts
from img2dataset.insight.retry_command import RetryAdvice, advise_retry
from img2dataset.insight.shard_facts import SUCCESS, BatchFacts, FailureCount, read_batches
from img2dataset.insight.survival import list_published
from img2dataset.storage.folder import Folder
from img2dataset.tally import ShardResult

SHARDS_PER_THREAD = 2
"""Shards that are being read, or wait to be merged in their order, for each thread."""
MAX_THREADS = 8
MIN_URLS = 5
"""Different URLs of a host with the same bytes, from which on they are probably a placeholder."""
MAX_PLACEHOLDERS = 20
ROW_BITS = 32
"""A row's number over the dataset is its shard's position, shifted by these, and its own."""


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What was read of a shard."""

    shard: StoredShard
    result: ShardResult | None
    """Of its stats; None if they cannot be read."""
    batches: tuple[BatchFacts, ...]
    problem: str = ""
    """What is damaged."""


def collect(folder: Folder) -> Findings:
    """Read every shard of a folder that is done.

    Raises:
        OptionError: there is no dataset.
        RunError, OSError: something cannot be read.
    """
    layout = read_layout(folder)
    if not layout.shards:
        raise OptionError(
            f"{folder.url!r} has no shards that are done: there is nothing to look at"
        )
    merged = Merged()
    for number, facts in enumerate(read_shards(folder, layout)):
        merged.add(number, facts)
    return make_findings(folder, layout, merged)


def read_shards(folder: Folder, layout: Layout) -> Iterator[ShardFacts]:
    """Read shards, several at the same time; yield them in order."""
    threads = min(MAX_THREADS, cpu_count() or 1) if folder.local else MAX_THREADS
    waiting: deque[Future[ShardFacts]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for shard in layout.shards:
            waiting.append(pool.submit(read_shard, folder, shard))
            if len(waiting) >= SHARDS_PER_THREAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def read_shard(folder: Folder, shard: StoredShard) -> ShardFacts:
    result = read_stats(folder, shard.id, shard.name)
    problem = "" if result else f"{shard.name}: {shard.stats} cannot be read"
    is_missing = find_format(shard.output_format).stores_rows and (
        shard.name + TABLE not in shard.files
    )
    if is_missing:
        return ShardFacts(shard, result, (), f"{shard.name}: {shard.name}{TABLE} is missing")
    try:
        return ShardFacts(shard, result, tuple(read_batches(folder, shard)), problem)
    except DamagedError as error:
        return ShardFacts(shard, None, (), f"{shard.name}: {error}")


@dataclass(slots=True)
class Merged:
    """What all shards add up to."""

    statuses: dict[str, int] = field(default_factory=dict)
    reasons: ReasonCounts = field(default_factory=ReasonCounts)
    hosts: HostCounts = field(default_factory=HostCounts)
    digests: DigestCounts = field(default_factory=DigestCounts)
    hash_names: set[str] = field(default_factory=set)
    sides: Counter = field(default_factory=lambda: Counter(MAX_SIDE))
    ratios: Counter = field(default_factory=lambda: Counter(MAX_RATIO))
    captions: Counter = field(default_factory=lambda: Counter(MAX_CHARACTERS))
    empty_captions: int = 0
    has_rows: bool = False
    points: list[ShardPoint] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, number: int, facts: ShardFacts) -> None:
        """Add a shard; `number` is its position among those that are done."""
        if facts.problem:
            self.problems.append(facts.problem)
        if facts.batches:
            statuses: dict[str, int] = {}
            for batch in facts.batches:
                self._add_batch(number, batch)
                for status, count in batch.statuses.items():
                    statuses[status] = statuses.get(status, 0) + count
        elif facts.result is not None:  # dummy stores no rows
            statuses = dict(facts.result.tally.statuses)
            self._add_labels(facts.result.tally.labels)
        else:
            return
        for status, count in statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count
        times = facts.result
        self.points.append(
            ShardPoint(
                facts.shard.name,
                times.start_time if times else 0.0,
                times.end_time if times else 0.0,
                sum(statuses.values()),
                statuses.get(SUCCESS, 0),
            )
        )

    def _add_labels(self, labels: Mapping[str, int]) -> None:
        for label, count in labels.items():
            if label != SUCCESS:
                self.reasons.add(FailureCount("", label, count, ""))

    def _add_batch(self, number: int, batch: BatchFacts) -> None:
        self.has_rows = True
        for failure in batch.failures:
            self.reasons.add(failure)
        self.hosts.add(batch.hosts, batch.host_counts)
        self.sides.add(batch.sides)
        self.ratios.add(batch.ratios)
        if batch.captions is not None:
            self.captions.add(batch.captions)
            self.empty_captions += int((batch.captions == 0).sum())
        if batch.pairs is not None:
            self.hash_names.add(batch.hash_name)
            before = (number << ROW_BITS) + batch.first_row
            self.digests.add(replace(batch.pairs, rows=batch.pairs.rows + before))


def make_findings(folder: Folder, layout: Layout, merged: Merged) -> Findings:
    sections = load_sections(folder)
    formats = sorted({shard.output_format for shard in layout.shards})
    starts = [point.start_time for point in merged.points if point.start_time]
    advice = (
        advise_retry(sections, formats, folder.url)
        if merged.reasons.transient
        else RetryAdvice("", is_command=False)
    )
    return Findings(
        output_folder=folder.url,
        output_format=", ".join(formats),
        shards=len(layout.shards),
        unfinished=len(layout.unfinished),
        rows=sum(merged.statuses.values()),
        successes=merged.statuses.get(SUCCESS, 0),
        failed_to_download=merged.statuses.get(Status.FAILED_TO_DOWNLOAD.value, 0),
        failed_to_resize=merged.statuses.get(Status.FAILED_TO_RESIZE.value, 0),
        start_time=min(starts, default=None),
        end_time=max((point.end_time for point in merged.points if point.end_time), default=None),
        reasons=merged.reasons.rank(),
        classes=merged.reasons.count_classes(),
        transient=merged.reasons.transient,
        retry=advice.text,
        retry_is_command=advice.is_command,
        hosts=merged.hosts.find() if merged.has_rows else None,
        shorter_side=merged.sides.make_histogram(SIDES),
        aspect_ratio=merged.ratios.make_histogram(RATIOS, RATIO_STEPS),
        caption_length=merged.captions.make_histogram(CHARACTERS),
        empty_captions=merged.empty_captions,
        duplicates=find_duplicates(folder, layout.shards, merged),
        points=tuple(merged.points),
        published=list_published(folder.url, sections),
        unreadable=tuple(merged.problems),
        runs=tuple(read_all_accounts(folder)),
    )


def find_duplicates(
    folder: Folder, shards: Sequence[StoredShard], merged: Merged
) -> Duplicates | None:
    """Count distinct hashes, and look up an example of each likely placeholder."""
    if not merged.hash_names:
        return None
    frequent = merged.digests.find_frequent(MIN_URLS)
    examples = []
    for place in range(min(len(frequent), MAX_PLACEHOLDERS)):
        where = int(frequent.rows[place])
        shard = shards[where >> ROW_BITS]
        row = read_row(folder, shard, where & ((1 << ROW_BITS) - 1))
        examples.append(
            Placeholder(
                host=row.host,
                digest=row.digest,
                rows=int(frequent.counts[place]),
                urls=int(frequent.urls[place]).bit_count(),
                example=row.url,
                key=row.key,
                shard=shard.name,
            )
        )
    distinct = merged.digests.count_distinct()
    return Duplicates(
        hash_name=", ".join(sorted(merged.hash_names)),
        images=merged.digests.images,
        distinct=distinct,
        exact=merged.digests.level == 0,
        placeholders=tuple(examples),
    )
