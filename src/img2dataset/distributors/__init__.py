"""Shards -> workers: ways to run them.  Nothing here knows what a worker does with a shard.

A worker is a function `serve(job, link)`, named by text ("package.module:function") so that it
can be started anywhere; it says `Want` when it could use another shard, and `Stored` or
`Failed` once for each that it took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from img2dataset.errors import OptionError
from img2dataset.records import Shard
from img2dataset.tally import RestingHost, ShardResult, Tally


# -- what a worker says --
@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has started."""


@dataclass(frozen=True, slots=True)
class Want:
    """The worker could use another shard."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How far the shards are that the worker has open: shard id -> counts so far."""

    tallies: dict[int, Tally]
    resting: tuple[RestingHost, ...] = ()
    """Hosts for which the worker has rows that wait."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A shard is done."""

    result: ShardResult


@dataclass(frozen=True, slots=True)
class Failed:
    """A shard could not be stored; nothing of it remains."""

    shard_id: int
    error: str
    final: bool = False
    """Whether another try would fail alike."""


@dataclass(frozen=True, slots=True)
class Halted:
    """What is done can no longer be stored, by any worker: the run must end."""

    error: str


# -- what a worker is told --
@dataclass(frozen=True, slots=True)
class Take:
    """A shard to do."""

    shard: Shard
    isolated: bool = False
    """Whether what may kill a worker is to be done apart, because one died: a row, not the worker."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Take no more shards, finish what can be finished in a moment, leave the rest, and end."""


class Link(Protocol):
    """A worker's line to whoever runs it."""

    def send(self, message: Any) -> None: ...

    def listen(self, handle: Callable[[Any], None]) -> None:
        """Call `handle` with each message, in a thread, from now on."""


# -- what a distributor says; a worker may say `Notice` too --
@dataclass(frozen=True, slots=True)
class Lost:
    """A shard was not stored, and nothing of it remains; it may be done again."""

    shard_id: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person wants to know."""

    text: str
    topic: str = ""
    """Of what one worker is to speak for all: each would say it with an example of its own."""

    @property
    def subject(self) -> str:
        """What is said once: two notices of the same subject need not both be shown."""
        return self.topic or self.text


Event = Stored | Counted | Lost | Notice
Handle = Callable[["Event | None"], None]
"""Takes an event; or None, several times a second, when there was none."""


@dataclass(frozen=True, slots=True)
class Work:
    """What to run: `entry` names a function serve(job, link)."""

    entry: str
    processes: int
    max_shard_retry: int
    batch: int = 1000
    """Shards that a cluster is given at once."""


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """How many workers there are at once, and what each may use."""

    workers: int
    cores: int | None = None
    """Of one worker; None = an equal share of this machine's."""
    spread: bool = False
    """Whether they run on machines that we do not see: a worker may be taken for dead and go on,
    and what they store may be on a disk of their own."""


class Workers(Protocol):
    """Workers that are starting while their job is found out."""

    def crew(self) -> WorkerPool:
        """Who will do the job.

        Raises:
            OptionError: the cluster cannot be used.
        """

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        """Do all `shards`; return those that were not done, with the last error of each.

        `job`, the same for all workers, can be pickled.  No worker is left when this returns.
        """


class Distributor(Protocol):
    """Starts workers; none is left when the block ends, whether they ran or not."""

    def __call__(self, work: Work) -> AbstractContextManager[Workers]: ...


DISTRIBUTORS = {
    "multiprocessing": "img2dataset.distributors.local",
    "pyspark": "img2dataset.distributors.spark",
    "ray": "img2dataset.distributors.ray",
}


def find_distributor(name: str) -> Distributor:
    """The way to run workers that is called `name`; its library is imported only now."""
    if name not in DISTRIBUTORS:
        raise OptionError(f"distributor is {name!r}: there are {', '.join(DISTRIBUTORS)}")
    return cast("Distributor", import_module(DISTRIBUTORS[name]).start_workers)
