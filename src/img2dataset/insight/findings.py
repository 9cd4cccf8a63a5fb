"""What is found in a stored dataset: frozen records, which the terminal, JSON and the page show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from img2dataset.accounting.account import Account
from img2dataset.dataset.accounts import RunAccount
from img2dataset.reports.words import advise, explain


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """A reason for failure, and the rows that have it."""

    name: str
    """Value of a `Reason`, or "unknown"."""
    status: str
    transient: bool
    """Whether asking again later may help."""
    rows: int
    messages: Mapping[str, int]
    """The most frequent stored messages -> rows."""
    examples: tuple[str, ...]
    """A few URLs."""

    @property
    def meaning(self) -> str:
        """What it means, in plain words."""
        return explain(self.name)

    @property
    def advice(self) -> str:
        """What to do about it."""
        return advise(self.name)


@dataclass(frozen=True, slots=True)
class HostCount:
    """The rows of a host."""

    host: str
    """In lower case; empty = of rows without one."""
    rows: int
    successes: int
    failures: Mapping[str, int]
    """Failure class -> rows, without zeros."""

    @property
    def failed(self) -> int:
        """Rows without an image."""
        return self.rows - self.successes


@dataclass(frozen=True, slots=True)
class HostFindings:
    """The hosts of a dataset."""

    known: int
    """Hosts that are counted; all of them if `lacking` is 0."""
    lacking: int
    """Rows that the count of a host may lack at most, because there are too many hosts."""
    busiest: tuple[HostCount, ...]
    """Most rows first."""
    worst: tuple[HostCount, ...]
    """Most failed rows first."""


@dataclass(frozen=True, slots=True)
class Bin:
    """A bar of a histogram."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """How values are distributed.  Quantiles are exact up to the limit of the last bin."""

    bins: tuple[Bin, ...]
    count: int
    low: float
    """5 % of the values are at most this."""
    median: float
    high: float
    """95 % of the values are at most this."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One image that a host gives for many URLs: probably not what their captions say."""

    host: str
    digest: str
    """As it is stored."""
    rows: int
    urls: int
    """Different URLs, at least; counted up to 64."""
    example: str
    """One of the URLs."""
    key: str
    """Key of the sample of that URL."""
    shard: str


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Images with the same hash."""

    hash_name: str
    images: int
    """Successes with a hash."""
    distinct: int
    exact: bool
    """False: `distinct` is an estimate, from a share of all hashes."""
    placeholders: tuple[Placeholder, ...]
    """Most rows first."""

    @property
    def repeated(self) -> int:
        """Images whose bytes are those of another one that is counted."""
        return self.images - self.distinct


@dataclass(frozen=True, slots=True)
class ShardPoint:
    """A shard: when it was made, and how it went."""

    name: str
    start_time: float
    """Seconds since the epoch."""
    end_time: float
    rows: int
    successes: int


@dataclass(frozen=True, slots=True)
class TimeFindings:
    """Where the time of the runs that made a dataset went, as far as they recorded it."""

    runs: int
    rows: int
    """Rows that they tried."""
    elapsed: float
    """Seconds, all runs together."""
    account: Account
    """Seconds by stage, bytes and hosts: the sum of the runs."""
    bottleneck: str
    """What limited the longest of them that could tell; empty if none could."""

    @classmethod
    def of(cls, runs: Sequence[RunAccount]) -> TimeFindings:
        """Add up what runs took."""
        told = (run for run in runs if run.bottleneck)
        longest = max(told, key=lambda run: run.elapsed, default=None)
        return cls(
            runs=sum(run.runs for run in runs),
            rows=sum(run.rows for run in runs),
            elapsed=sum(run.elapsed for run in runs),
            account=sum((run.account for run in runs), Account()),
            bottleneck=(longest.bottleneck or "") if longest else "",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "runs": self.runs,
            "rows": self.rows,
            "elapsed": round(self.elapsed, 3),
            "bottleneck": self.bottleneck,
            **self.account.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Published:
    """How much of a known list others could download, and when."""

    name: str
    title: str
    share: str
    when: str
    source: str
    is_this: bool
    """Whether this dataset is probably made from that list."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What `img2dataset.inspect` finds in a stored dataset."""

    output_folder: str
    output_format: str
    """Several are separated by commas."""
    shards: int
    unfinished: int
    """Shards with files, but not done."""
    rows: int
    successes: int
    failed_to_download: int
    failed_to_resize: int
    start_time: float | None
    """Of the first shard: seconds since the epoch."""
    end_time: float | None
    """Of the last shard."""
    reasons: tuple[ReasonCount, ...]
    """Most rows first."""
    classes: Mapping[str, int]
    """Failure class -> rows, most first."""
    transient: int
    """Rows that failed for a transient reason."""
    retry: str
    """The command that fetches them again, or what to do to have it; empty = nothing to retry."""
    retry_is_command: bool
    hosts: HostFindings | None
    """None without rows (output_format dummy)."""
    shorter_side: Histogram | None
    """Of the images before they were resized, in pixels."""
    aspect_ratio: Histogram | None
    """Width / height of the images before they were resized."""
    caption_length: Histogram | None
    """Characters of the captions of successes."""
    empty_captions: int
    """Successes with an empty caption, or none."""
    duplicates: Duplicates | None
    """None if no hashes are stored."""
    points: tuple[ShardPoint, ...]
    """Shards, in the order of their numbers."""
    published: tuple[Published, ...]
    unreadable: tuple[str, ...]
    """What is damaged, one text for each shard; its rows are missing above."""
    runs: tuple[RunAccount, ...] = ()
    """What runs took, oldest first; empty for a dataset of the old tool."""

    @property
    def time(self) -> TimeFindings | None:
        """Where the time of all runs went; None if none recorded it."""
        return TimeFindings.of(self.runs) if self.runs else None

    @property
    def success_share(self) -> float:
        """Successes among all rows, 0 to 1."""
        return self.successes / self.rows if self.rows else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        document = asdict(replace(self, runs=()))
        document["runs"] = [run.to_dict() for run in self.runs]
        document["time"] = None if self.time is None else self.time.to_dict()
        for reason, plain in zip(self.reasons, document["reasons"], strict=True):
            plain.update(meaning=reason.meaning, advice=reason.advice)
        if self.duplicates is not None:
            document["duplicates"]["repeated"] = self.duplicates.repeated
        return {**document, "success_share": self.success_share}
