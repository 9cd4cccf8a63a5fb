"""Counts that add up: a row, a shard, a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from img2dataset.errors import Reason, Status
from img2dataset.failure_samples import Failed
from img2dataset.messages import label_of_message
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
