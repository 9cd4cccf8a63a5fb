"""Counts that add up: a row, a shard, a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from img2dataset.accounting.account import Account
from img2dataset.errors import Reason, Status
from img2dataset.failure_samples import FailureSamples
from img2dataset.messages import find_label
from img2dataset.records import Failure, Sample

MAX_LABELS = 1000
"""Different error strings one tally keeps; the rarest beyond that are counted as `OTHER`."""
OTHER = "other"
SUCCESS = Status.SUCCESS.value


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of rows: how many were kept, and why the others were not."""

    statuses: Counter[str] = field(default_factory=Counter)
    """success, failed_to_download, failed_to_resize -> rows."""
    labels: Counter[str] = field(default_factory=Counter)
    """"success" and each error string -> rows."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Name of the Reason -> rows; successes are not in it."""
    failed: FailureSamples = field(default_factory=FailureSamples, compare=False)
    """Examples of failed rows, for people; not exact counts."""

    @classmethod
    def of(cls, sample: Sample) -> Tally:
        tally = cls()
        tally.add(sample)
        return tally

    def add(self, sample: Sample) -> None:
        """Count one more row, in place: a shard counts its rows as they arrive."""
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
        """Count a row of a stored table, which has no reason."""
        self.statuses[status] += 1
        label = SUCCESS if status == SUCCESS else find_label(message or OTHER)
        self.labels[label] += 1

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.statuses + other.statuses,
            limit_labels(self.labels + other.labels),
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
        """Rows that failed for a transient reason: asking again later may help."""
        return sum(self.reasons[reason.value] for reason in Reason if reason.transient)


def limit_labels(labels: Counter[str]) -> Counter[str]:
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
    """In a retried shard: rows that were left as they were, which `tally` does not count; None if the
    shard is new."""
    account: Account = field(default_factory=Account, compare=False)
    """What it took; empty if it was stored before."""

    @property
    def duration(self) -> float:
        return self.end_time - self.start_time

    @property
    def unchanged(self) -> bool:
        """Whether it was retried and no row was recovered."""
        return self.kept is not None and self.tally.successes == 0


@dataclass(frozen=True, slots=True)
class RestingHost:
    """A host that gets no requests for a while, and how many rows wait for it."""

    name: str
    rows: int
    seconds: float
    """Time until its next request."""
