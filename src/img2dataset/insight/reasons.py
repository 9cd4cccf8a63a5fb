"""Failed rows -> counts by reason and class, with the messages and some URLs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from img2dataset.errors import Reason
from img2dataset.failure_samples import MAX_URLS_PER_REASON
from img2dataset.insight.findings import ReasonCount
from img2dataset.insight.shard_facts import FailureCount
from img2dataset.messages import find_label
from img2dataset.reports.words import UNKNOWN, classify, name_reason
from img2dataset.tally import OTHER

MAX_MESSAGES = 1000
"""Different messages of a reason that are counted apart; up to twice as many while counting."""
LISTED_MESSAGES = 8


@dataclass(slots=True)
class _Tally:
    """The rows of one reason."""

    status: str
    rows: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, failure: FailureCount) -> None:
        self.rows += failure.count
        self.messages[find_label(failure.message)] += failure.count
        if len(self.messages) > 2 * MAX_MESSAGES:
            kept = Counter(dict(self.messages.most_common(MAX_MESSAGES - 1)))
            kept[OTHER] += self.messages.total() - kept.total()
            self.messages = kept
        is_new = failure.example and failure.example not in self.examples
        if is_new and len(self.examples) < MAX_URLS_PER_REASON:
            self.examples.append(failure.example)


class ReasonCounts:
    """Counts failed rows; the number of reasons and classes is bounded, that of messages too."""

    def __init__(self) -> None:
        self._reasons: dict[str, _Tally] = {}
        self._classes: Counter[str] = Counter()

    def add(self, failure: FailureCount) -> None:
        """Add the rows of a message; without a status it is that of the reason."""
        name = name_reason(failure.message)
        if name not in self._reasons:
            known = "" if name == UNKNOWN else Reason.named(name).status.value
            self._reasons[name] = _Tally(failure.status or known)
        self._reasons[name].add(failure)
        self._classes[classify(failure.message).value] += failure.count

    @property
    def transient(self) -> int:
        """Rows that failed for a transient reason."""
        return sum(each.rows for name, each in self._reasons.items() if is_transient(name))

    def count_classes(self) -> Mapping[str, int]:
        """Return failure class -> rows, most first."""
        return dict(self._classes.most_common())

    def rank(self) -> tuple[ReasonCount, ...]:
        """Return all reasons, most rows first."""
        ranked = sorted(self._reasons.items(), key=lambda item: (-item[1].rows, item[0]))
        return tuple(
            ReasonCount(
                name=name,
                status=each.status,
                transient=is_transient(name),
                rows=each.rows,
                messages=dict(each.messages.most_common(LISTED_MESSAGES)),
                examples=tuple(each.examples),
            )
            for name, each in ranked
        )


def is_transient(name: str) -> bool:
    return name != UNKNOWN and Reason.named(name).transient
