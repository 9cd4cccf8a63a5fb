"""What is wrong with a shard, and with a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field

from img2dataset.text import plural

MAX_PROBLEMS = 5
"""Kinds of problems of one shard that are told."""


@dataclass(frozen=True, slots=True)
class CheckedShard:
    """A shard that was looked at."""

    name: str
    rows: int
    images: int
    problems: tuple[str, ...]
    """What is wrong with it, one text each."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A shard that is not whole."""

    name: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """What `img2dataset.verify` found."""

    output_folder: str
    shards: int
    """Shards that are done, whole or not."""
    rows: int
    images: int
    """Of these shards, as far as they could be read."""
    broken: tuple[Broken, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    """Shards that are not there although later ones are: ids, from the first to the last."""
    leftovers: tuple[str, ...] = ()
    """What interrupted runs left, one text each."""
    repaired: bool = False
    """Whether what was broken was removed."""

    @property
    def whole(self) -> bool:
        return not (self.broken or self.gaps or self.leftovers)

    @property
    def missing(self) -> int:
        """How many shards the gaps are."""
        return sum(last - first + 1 for first, last in self.gaps)

    @property
    def exit_code(self) -> int:
        """0 = whole; 1 = not, or not before it was repaired."""
        return 0 if self.whole else 1


def summary(found: Verification) -> str:
    """The one line that says whether it is whole, and what to do."""
    counted = ((found.shards, "shard"), (found.rows, "row"), (found.images, "image"))
    seen = ", ".join(plural(count, what) for count, what in counted)
    if found.whole:
        return f"whole: {seen} in {found.output_folder}"
    counts = (
        (len(found.broken), "broken"), (found.missing, "missing"),
        (len(found.leftovers), "left over from interrupted runs"),
    )  # fmt: skip
    wrong = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    if found.repaired:
        advice = "removed what was broken or left: the command that made it makes it anew"
    elif found.broken:
        advice = "--repair removes what is broken, and the command that made it makes it anew"
    else:
        advice = "the command that made it makes what is not there"
    return f"not whole: {wrong}; of {seen} in {found.output_folder}; {advice}"


@dataclass(slots=True)
class Problems:
    """Gathers what is wrong with one shard: alike problems of many samples are one."""

    _keys: dict[str, list[str]] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, text: str, key: str | None = None) -> None:
        self._counts[text] = self._counts.get(text, 0) + 1
        if key is not None:
            self._keys.setdefault(text, [key])

    def texts(self) -> tuple[str, ...]:
        texts = [self._told(text, count) for text, count in self._counts.items()]
        more = len(texts) - MAX_PROBLEMS
        return (*texts[:MAX_PROBLEMS], *([f"and {more} more kinds"] if more > 0 else []))

    def _told(self, text: str, count: int) -> str:
        if text not in self._keys:
            return text
        first = self._keys[text][0]
        return f"{text} ({first})" if count == 1 else f"{text} ({count:,}; the first is {first})"
