"""Counts that add up: a row, a shard, a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from img2dataset.errors import Reason, Status, label_of_message
from img2dataset.failure_samples import Failed
from img2dataset.records import Failure, Sample

MAX_LABELS = 1000
"""Different error strings one tally keeps; the rarest beyond that are counted as `OTHER`."""
OTHER = "other"
SUCCESS = Status.SUCCESS.value


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows were kept, and why the others were not."""

    statuses: Counter[str] = field(default_factory=Counter)
    """success, failed_to_download, failed_to_resize -> rows."""
    labels: Counter[str] = field(default_factory=Counter)
    """"success" and each error string -> rows."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Name of the Reason -> rows; successes are not in it."""
    failed: Failed = field(default_factory=Failed, compare=False)
    """Some of the rows that failed: for people, not for counts."""

    @classmethod
    def of(cls, sample: Sample) -> Tally:
        tally = cls()
        tally.add(sample)
        return tally

    def add(self, sample: Sample) -> None:
        """Count one more row, in place: a shard counts its rows as they come."""
        match sample.outcome:
            case Failure(reason=reason, label=label):
                self.statuses[reason.status.value] += 1
                self.labels[label] += 1
                self.reasons[reason.value] += 1
                if sample.row.url is not None:
                    self.failed.add(reason.value, sample.row.url)
            case _:
                self.statuses[SUCCESS] += 1
                self.labels[SUCCESS] += 1

    def add_stored(self, status: str, message: str | None) -> None:
        """Count a row of a table that was stored before; it does not tell the reason."""
        self.statuses[status] += 1
        label = SUCCESS if status == SUCCESS else label_of_message(message or OTHER)
        self.labels[label] += 1

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.statuses + other.statuses,
            bounded(self.labels + other.labels),
            self.reasons + other.reasons,
            self.failed + other.failed,
        )

    @property
    def count(self) -> int:
        return self.statuses.total()

    @property
    def successes(self) -> int:
        return self.statuses[SUCCESS]

    @property
    def failed_to_download(self) -> int:
        return self.statuses[Status.FAILED_TO_DOWNLOAD.value]

    @property
    def failed_to_resize(self) -> int:
        return self.statuses[Status.FAILED_TO_RESIZE.value]

    @property
    def transient(self) -> int:
        """Rows that failed for a reason that may pass."""
        return sum(self.reasons[reason.value] for reason in Reason if reason.transient)


def bounded(labels: Counter[str]) -> Counter[str]:
    """`labels` with at most MAX_LABELS entries and the same total."""
    if len(labels) <= MAX_LABELS:
        return labels
    kept = Counter(dict(labels.most_common(MAX_LABELS - 2)))
    kept[SUCCESS] = labels[SUCCESS]  # never among the others
    kept[OTHER] += labels.total() - kept.total()
    return kept


@dataclass(frozen=True, slots=True)
class ShardResult:
    """A shard that was stored.  Times are in seconds since the epoch."""

    id: int
    name: str
    tally: Tally
    start_time: float
    end_time: float
    kept: int | None = None
    """Of a shard that was completed: its rows that stay as they were, not in `tally`."""

    @property
    def duration(self) -> float:
        return self.end_time - self.start_time

    @property
    def unchanged(self) -> bool:
        """Whether it was looked at again, and nothing came back."""
        return self.kept is not None and self.tally.successes == 0


@dataclass(frozen=True, slots=True)
class RestingHost:
    """A host that is left alone for a while, and how much waits for it."""

    name: str
    rows: int
    seconds: float
    """How long its rest goes on."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.  `tally` counts every row finished in this run, stored or not yet."""

    tally: Tally
    elapsed: float
    """Seconds since the run began."""
    shards_done: int
    """In this run; those that were done before are in `shards_skipped`."""
    shards_skipped: int
    rows_skipped: int
    shards_total: int | None
    """Shards of the whole list; None while it is unknown."""
    rows_total: int | None
    """Rows of the whole list; None while it is unknown."""
    estimated: bool = False
    """Whether the totals are estimates, made from how much of the list has been read."""
    resting: tuple[RestingHost, ...] = ()
    """Hosts that are left alone for now, those with the longest rests first."""


@dataclass(frozen=True, slots=True)
class Again:
    """What incremental_mode=retry did to shards that were done before."""

    rows: int = 0
    """Fetched again."""
    came_back: int = 0
    """Those of them that have their image now."""
    shards: int = 0
    """Shards that were replaced."""

    def plus(self, result: ShardResult) -> Again:
        """A completed shard added."""
        back = result.tally.successes
        return Again(
            self.rows + result.tally.count, self.came_back + back, self.shards + (back > 0)
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did: what `download` returns, and what the last lines on the terminal say."""

    output_folder: str
    tally: Tally
    """Rows of the shards stored in this run; of those that were completed, the rows fetched
    again."""
    duration: float
    """Seconds."""
    shards_done: int
    """Shards stored in this run."""
    shards_skipped: int
    """Shards that were done before, and stay as they were."""
    shards_not_done: tuple[str, ...] = ()
    """Names of the shards that failed; of an interrupted run, those it had begun to download."""
    interrupted: bool = False
    """Whether the run was stopped before its end."""
    part: str | None = None
    """Which part of the list was asked for; None = all of it."""
    again: Again | None = None
    """What came of the rows fetched again; only with incremental_mode=retry."""
    images_before: bool = True
    """Whether the shards that were done before, if there are any, hold an image."""
    shards_not_completed: tuple[str, ...] = ()
    """Of an interrupted retry: shards done before of which it was fetching rows again; they keep
    what they had."""
    incremental_mode: str = "incremental"
    """The mode of the run."""
    refused_modes: frozenset[str] = frozenset()
    """Modes in which the same command would be refused."""
    list_findings: tuple[str, ...] = ()
    """What was odd about lines of the list: malformed ones, other encodings; with examples."""

    @property
    def count(self) -> int:
        """Rows that were tried in this run."""
        return self.tally.count

    @property
    def came_back(self) -> int:
        """Rows of shards done before that have their image now."""
        return self.again.came_back if self.again is not None else 0

    @property
    def successes(self) -> int:
        return self.tally.successes

    @property
    def failed_to_download(self) -> int:
        return self.tally.failed_to_download

    @property
    def failed_to_resize(self) -> int:
        return self.tally.failed_to_resize

    @property
    def reasons(self) -> dict[str, int]:
        """Name of the Reason -> rows, most frequent first."""
        return dict(self.tally.reasons.most_common())

    @property
    def status_dict(self) -> dict[str, int]:
        """ "success" and each error string -> rows, most frequent first."""
        return dict(self.tally.labels.most_common())

    @property
    def images_per_sec(self) -> float:
        return self.count / self.duration if self.duration > 0 else 0.0

    @property
    def complete(self) -> bool:
        """Whether every shard of the list is stored."""
        return not self.shards_not_done and not self.interrupted

    @property
    def exit_code(self) -> int:
        """0 = all shards of the list are done; 1 = not, or there is not one image in them.

        It speaks of the dataset, not of this run alone: the same command says the same again.
        """
        tried = self.count > 0 or self.shards_skipped > 0
        return 0 if self.complete and (self.has_images or not tried) else 1

    @property
    def has_images(self) -> bool:
        """Whether there is an image in the shards of the list, whichever run stored it."""
        return self.successes > 0 or (self.shards_skipped > 0 and self.images_before)
