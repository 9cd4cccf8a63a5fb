"""What is wrong with a shard, and with a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field

from img2dataset.text import plural

MAX_PROBLEMS = 5
"""Kinds of problems that are listed for one shard."""


@dataclass(frozen=True, slots=True)
class CheckedShard:
    """A shard that was checked."""

    name: str
    rows: int
    images: int
    problems: tuple[str, ...]
    """What is wrong with it, one text each."""
    wrong_indexes: tuple[str, ...] = ()
    """What is wrong with its index files, one text each."""


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
    """Of these shards, as far as their stats could be read."""
    images: int
    """Of the whole ones of them."""
    broken: tuple[Broken, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    """Ranges of missing shards before existing ones: first and last id."""
    leftovers: tuple[str, ...] = ()
    """Leftovers of interrupted runs, one text each."""
    wrong_indexes: tuple[str, ...] = ()
    """What is wrong with index files, one text each: they are missing, or not those of the tars."""
    repaired: bool = False
    """Whether broken shards were removed."""

    @property
    def whole(self) -> bool:
        return not (self.broken or self.gaps or self.leftovers or self.wrong_indexes)

    @property
    def missing(self) -> int:
        """Count the shards in the gaps."""
        return sum(last - first + 1 for first, last in self.gaps)

    @property
    def exit_code(self) -> int:
        """0 = whole; 1 = not whole, or not whole before the repair."""
        return 0 if self.whole else 1


def summarize(found: Verification) -> str:
    """Summarise in one line whether the dataset is whole, and what to do."""
    counted = ((found.shards, "shard"), (found.rows, "row"), (found.images, "image"))
    seen = ", ".join(plural(count, what) for count, what in counted)
    seen += " (of whole shards)" if found.broken else ""
    if found.whole:
        return f"whole: {seen} in {found.output_folder}"
    counts = (
        (len(found.broken), "broken"), (found.missing, "missing"),
        (len(found.leftovers), "left over from interrupted runs"),
        (len(found.wrong_indexes), "index files missing or wrong"),
    )  # fmt: skip
    wrong = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return f"not whole: {wrong}; of {seen} in {found.output_folder}; {advise(found)}"


def advise(found: Verification) -> str:
    """Say what to do about a dataset that is not whole, or what was done."""
    is_only_indexes = not (found.broken or found.gaps or found.leftovers)
    if found.repaired and is_only_indexes:
        return "the index files were made again"
    if found.repaired:
        return "broken shards and leftovers were removed: the command that made the dataset makes them again"
    if is_only_indexes:
        return f"--repair makes index files again, img2dataset index {found.output_folder}  those that are missing"
    if found.broken:
        return (
            "--repair removes broken shards, and the command that made the dataset makes them again"
        )
    return "the command that made the dataset makes what is missing"


@dataclass(slots=True)
class Problems:
    """Collects the problems of one shard; equal problems of many samples count as one."""

    _keys: dict[str, list[str]] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, text: str, key: str | None = None) -> None:
        self._counts[text] = self._counts.get(text, 0) + 1
        if key is not None:
            self._keys.setdefault(text, [key])

    def texts(self) -> tuple[str, ...]:
        texts = [self._format(text, count) for text, count in self._counts.items()]
        more = len(texts) - MAX_PROBLEMS
        return (*texts[:MAX_PROBLEMS], *([f"and {more} more kinds"] if more > 0 else []))

    def _format(self, text: str, count: int) -> str:
        if text not in self._keys:
            return text
        first = self._keys[text][0]
        return f"{text} ({first})" if count == 1 else f"{text} ({count:,}; the first is {first})"
