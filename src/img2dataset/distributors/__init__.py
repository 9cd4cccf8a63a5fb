"""Shards -> workers: ways to run them.  Nothing here knows what a worker does with a shard.

A worker is a function `serve(job, link)`, named by text ("package.module:function") so that it
can be started anywhere.  It sends `ShardWanted` when it could use another shard, and
`ShardStored` or `ShardFailed` once for each shard that it took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast

from img2dataset.accounting.account import Account
from img2dataset.errors import OptionError
from img2dataset.records import Shard
from img2dataset.tally import RestingHost, ShardResult, Tally


# -- messages of a worker --
@dataclass(frozen=True, slots=True)
class WorkerReady:
    """The worker has started."""


@dataclass(frozen=True, slots=True)
class LifeSign:
    """The worker's threads get their turns: none of them keeps the GIL."""

    patience: float
    """Seconds after which it is to be ended if nothing else is heard of it; those in which it or its
    distributor was stopped do not count."""


@dataclass(frozen=True, slots=True)
class ShardWanted:
    """The worker could use another shard."""


@dataclass(frozen=True, slots=True)
class ShardsCounted:
    """How far the worker's open shards are: shard id -> counts so far."""

    tallies: dict[int, Tally]
    resting: tuple[RestingHost, ...] = ()
    """Hosts for which rows of the worker wait."""
    accounts: dict[int, Account] = field(default_factory=dict)
    """Shard id -> what it took so far, without its hosts."""


@dataclass(frozen=True, slots=True)
class ShardStored:
    """A shard is done."""

    result: ShardResult


@dataclass(frozen=True, slots=True)
class ShardFailed:
    """A shard could not be stored; nothing of it remains."""

    shard_id: int
    error: str
    final: bool = False
    """Whether a retry would fail in the same way."""


@dataclass(frozen=True, slots=True)
class SamplesSent:
    """Samples of a stream, which go to the parent instead of a store."""

    samples: list[tuple[int, int, bytes | None, dict[str, Any] | None]]
    """Of each: number of its shard, position there, encoded image, metadata.  A failed row has no
    image, and no metadata either if only its end is wanted."""
    tally: Tally = field(default_factory=Tally)
    """Counts of these rows.  A worker that dies has sent no result of its shard."""


@dataclass(frozen=True, slots=True)
class RunHalted:
    """No worker can store shards any longer: the run must end."""

    error: str


# -- commands to a worker --
@dataclass(frozen=True, slots=True)
class TakeShard:
    """Do a shard."""

    shard: Shard
    isolated: bool = False
    """Whether to decode its images in separate processes, because a worker died with it open: a
    crash then costs a row, not the worker."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Take no more shards, finish what takes a moment, leave the rest, and exit."""


class Link(Protocol):
    """The connection of a worker to its distributor."""

    def send(self, message: Any) -> None: ...

    def listen(self, handle: Callable[[Any], None]) -> None:
        """Call `handle` with each message, in a thread, from now on."""


# -- events of a distributor; a worker may send `Notice` too --
@dataclass(frozen=True, slots=True)
class ShardLost:
    """A shard was not stored and nothing of it remains; it may be retried."""

    shard_id: int


@dataclass(frozen=True, slots=True)
class WorkersCounted:
    """How many worker processes are alive, on this machine."""

    alive: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A line of text for the user."""

    text: str
    topic: str = ""
    """What the notice is about, if one worker speaks for all: each has an example of its own."""

    @property
    def subject(self) -> str:
        """What is shown once: of notices with the same subject the first is enough."""
        return self.topic or self.text


Event = ShardStored | ShardsCounted | ShardLost | WorkersCounted | Notice
Handle = Callable[["Event | None"], None]
"""Takes an event; or None, several times a second, when there was none."""


class Outlet(Protocol):
    """Where the samples of a stream come out; it decides how far the workers may be ahead."""

    def deliver(self, sent: SamplesSent) -> None:
        """Take samples, in the thread that reads from their worker; as long as this waits, nothing
        more is read from it."""

    def may_begin(self) -> bool:
        """Whether another shard may be given out now."""

    def find_rest(self, shard: Shard) -> Shard:
        """The shard, without the rows of it that were delivered."""

    def give_up(self, shard: Shard) -> None:
        """Take note that the rows of the shard that were not delivered will not be."""


@dataclass(frozen=True, slots=True)
class Work:
    """What to run: `entry` names a function serve(job, link)."""

    entry: str
    processes: int
    max_shard_retry: int
    batch: int = 1000
    """Shards in one batch of tasks of a cluster."""
    outlet: Outlet | None = None
    """If samples are sent here instead of stored; with workers of this machine only."""


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """How many workers there are at once, and what each may use."""

    workers: int
    cores: int | None = None
    """Of one worker; None = an equal share of this machine's."""
    remote: bool = False
    """Whether they run on machines that this process does not see: a worker that is taken for
    dead may go on, and what it stores may be on a local disk there."""


class Workers(Protocol):
    """Workers that start while the list is opened."""

    def describe_pool(self) -> WorkerPool:
        """Connect to the cluster, if there is one; say how many workers there will be.

        Raises:
            OptionError: the cluster cannot be used.
        """

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        """Do all `shards`; return those that were given up, with the last error of each.

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
    """Find the distributor called `name`; its library is imported only now."""
    if name not in DISTRIBUTORS:
        raise OptionError(f"distributor is {name!r}: there are {', '.join(DISTRIBUTORS)}")
    return cast("Distributor", import_module(DISTRIBUTORS[name]).start_workers)
