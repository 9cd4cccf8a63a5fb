"""An account -> the sentence that names what limits the run, and what to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from img2dataset.accounting.account import IMAGE, STORE, TRANSFER, Account, Stage
from img2dataset.accounting.hosts import HostCount

MIN_SECONDS = 2.0
MIN_TRANSFERS = 20
"""With less, a sentence would describe the start."""
BUSY = 0.85
"""Share of the time from which on threads are what the rest waits for."""
STORE_BUSY = 0.6
"""The same for packing and storing, which shares its thread with the handing over of rows."""
MANY_WAITING = 8.0
"""Bodies that wait for one image thread on average: then images come slower than bodies, however busy
the threads are by their own time (other programs may have the cores)."""
SLOTS_BUSY = 0.7
"""Share of the transfers allowed that are in flight on average."""
BIG_SHARE = 0.4
"""Share of a transfer's time from which on a stage is worth a name."""
SHOWN_HOSTS = 3
MOST_OF_WAITING = 0.8
"""Share of the waiting for hosts that those which are named hold, if so few do."""


class BottleneckKind(StrEnum):
    """What limits a run."""

    IMAGES = "images"
    FETCH_CPU = "fetch_cpu"
    CPU = "cpu"
    STORAGE = "storage"
    DNS = "dns"
    CONNECT = "connect"
    SERVERS = "servers"
    BANDWIDTH = "bandwidth"
    TRANSFERS = "transfers"
    HOSTS = "hosts"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What limits a run."""

    kind: BottleneckKind
    text: str
    """A sentence: what it is, by what it is seen, what to change."""

    @property
    def is_found(self) -> bool:
        """False if nothing stands out: `text` then has the figures that say so."""
        return self.kind is not BottleneckKind.NOTHING


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a run has to work with."""

    workers: int
    image_threads: int
    """Of each worker."""
    transfers: int
    """That may be in flight in each worker."""
    cores: float = 0.0
    """Of each worker; 0 = unknown."""


@dataclass(frozen=True, slots=True)
class Rests:
    """Hosts that are left alone for a while, because they ask for it or a delay is set."""

    rows: int = 0
    """That wait for those which rest now."""
    hosts: frozenset[str] = frozenset()
    """All that have rested in this run."""


NO_RESTS = Rests()


@dataclass(frozen=True, slots=True)
class Load:
    """Shares of the time, 0 to 1, averaged over all workers."""

    images: float
    fetch_cpu: float
    cpu: float
    storage: float
    slots: float
    bodies_waiting: float
    """Bodies that wait for an image thread, for each of these, at a time."""

    @classmethod
    def of(cls, account: Account, capacity: Capacity, elapsed_s: float) -> Load:
        """Divide what was used by what there was while workers had shards open.

        Where that is not known yet, it was all of `elapsed_s` seconds, and all workers.
        """
        time = account.seconds.get(Stage.WORKER, 0.0)
        time = time or max(elapsed_s, 1e-9) * max(1, capacity.workers)
        cores = capacity.cores
        return cls(
            images=account.add_up(IMAGE) / time / max(1, capacity.image_threads),
            fetch_cpu=account.add_up((Stage.FETCH_CPU,)) / time,
            cpu=account.add_up((Stage.WORKER_CPU,)) / time / cores if cores else 0.0,
            storage=account.add_up(STORE) / time,
            slots=account.add_up(TRANSFER) / time / max(1, capacity.transfers),
            bodies_waiting=account.add_up((Stage.IMAGE_WAIT,))
            / time
            / max(1, capacity.image_threads),
        )


def find_bottleneck(
    account: Account,
    capacity: Capacity,
    elapsed_s: float,
    rests: Rests = NO_RESTS,
    rows_left: int | None = None,
) -> Bottleneck | None:
    """Find what limits a run, from the time it spent since it began.

    Args:
        account: the sum over its shards.
        capacity: its workers and threads.
        elapsed_s: seconds since it began.
        rests: the hosts that are, or were, left alone for a while.
        rows_left: rows that are not done; None if that is unknown.

    Returns:
        None if it is too early to say.
    """
    started = max(account.transfers, account.hosts.count_rows()) >= MIN_TRANSFERS
    worked = account.seconds.get(Stage.WORKER, elapsed_s)
    if min(elapsed_s, worked) < MIN_SECONDS or not started:
        return None
    load = Load.of(account, capacity, elapsed_s)
    if load.storage >= STORE_BUSY and load.storage >= load.images:
        return describe_storage(account, load)
    busy = describe_cpu(load)
    if busy is not None:
        return busy
    if load.slots >= SLOTS_BUSY:
        return describe_network(account, load)
    return describe_waiting(account, load, elapsed_s, rests, rows_left)


def describe_cpu(load: Load) -> Bottleneck | None:
    """Say which threads, or whether all cores, are busy; None = neither."""
    if load.images >= BUSY or load.bodies_waiting >= MANY_WAITING:
        return Bottleneck(
            BottleneckKind.IMAGES,
            f"CPU: image threads are busy {format_share(load.images)} of the time, and "
            f"{load.bodies_waiting:.0f} bodies wait for each of them; more cores or a smaller image_size "
            "would help",
        )
    if load.fetch_cpu >= BUSY:
        return Bottleneck(
            BottleneckKind.FETCH_CPU,
            f"CPU: the thread that fetches is busy {load.fetch_cpu:.0%} of the time in each worker; "
            "more processes_count, on more cores, would help",
        )
    if load.cpu >= BUSY:
        return Bottleneck(
            BottleneckKind.CPU,
            f"CPU: workers use {format_share(load.cpu)} of the cores (image threads are busy "
            f"{format_share(load.images)} of the time); more cores or a smaller image_size would help",
        )
    return None


def describe_storage(account: Account, load: Load) -> Bottleneck:
    """Say that storing takes the time: the medium, or the packing itself."""
    uploads = account.seconds[Stage.UPLOAD] >= account.seconds[Stage.PACK]
    what = "finish and store the files of shards" if uploads else "write samples into shards"
    return Bottleneck(
        BottleneckKind.STORAGE,
        f"storage: workers {what} {format_share(load.storage)} of the time; a faster output_folder or more "
        "processes_count would help",
    )


def describe_network(account: Account, load: Load) -> Bottleneck:
    """Say what the transfers wait for, of which nearly as many are in flight as may be."""
    total = account.add_up(TRANSFER)
    connecting = account.add_up((Stage.CONNECT, Stage.TLS)) / total
    share = {stage: account.add_up((stage,)) / total for stage in TRANSFER}
    used = f"{format_share(load.slots)} of the transfers that thread_count allows are in flight"
    if share[Stage.DNS] >= BIG_SHARE:
        return describe_dns(account)
    if connecting >= BIG_SHARE:
        return Bottleneck(
            BottleneckKind.CONNECT,
            f"the network: {connecting:.0%} of a transfer's time is connecting ({used}); a higher "
            "thread_count, or a lower timeout if the hosts are dead, would help",
        )
    if share[Stage.FIRST_BYTE] >= BIG_SHARE:
        return Bottleneck(
            BottleneckKind.SERVERS,
            f"the servers: {share[Stage.FIRST_BYTE]:.0%} of a transfer's time is waiting for the "
            f"first byte ({used}); a higher thread_count would help",
        )
    if share[Stage.BODY] >= BIG_SHARE:
        return Bottleneck(
            BottleneckKind.BANDWIDTH,
            f"bandwidth: {share[Stage.BODY]:.0%} of a transfer's time is the body ({used}); more "
            "machines, or a higher thread_count if the line is not full, would help",
        )
    return Bottleneck(
        BottleneckKind.TRANSFERS, f"the network: {used}; a higher thread_count would help"
    )


def describe_dns(account: Account) -> Bottleneck:
    """Say how long rows wait for addresses."""
    share = account.add_up((Stage.DNS,)) / account.add_up(TRANSFER)
    return Bottleneck(
        BottleneckKind.DNS,
        f"DNS: {share:.0%} of a transfer's time is waiting for an address; a caching resolver on this "
        "machine, or a faster one (dns_servers), would help",
    )


def describe_waiting(
    account: Account, load: Load, elapsed_s: float, rests: Rests, rows_left: int | None
) -> Bottleneck:
    """Say why neither threads nor transfers are in use: a resolver or a few hosts hold the rows, or
    nothing does."""
    waits, names = account.add_up((Stage.HOST_WAIT,)), account.add_up((Stage.DNS,))
    transfers = account.add_up(TRANSFER) - names
    if names > max(waits, transfers):
        return describe_dns(account)
    if waits > transfers:
        slowest = find_slowest(account)
        more = (
            "but not more max_connections_per_host: they are left to rest"
            if rests.rows or rests.hosts.intersection(host for host, _ in slowest)
            else "or more max_connections_per_host if they agree"
        )
        return Bottleneck(
            BottleneckKind.HOSTS,
            f"the hosts: {describe_slowest(account, slowest, elapsed_s)}"
            f"{describe_rests(rests.rows, rows_left)}; a list that is shuffled (shuffle) would help, "
            f"{more}",
        )
    most = max(TRANSFER, key=lambda stage: account.add_up((stage,)))
    share = account.add_up((most,)) / max(account.add_up(TRANSFER), 1e-9)
    return Bottleneck(
        BottleneckKind.NOTHING,
        f"nothing stands out: image threads are busy {format_share(load.images)} of the time, transfers "
        f"{format_share(load.slots)} of thread_count, storing {format_share(load.storage)}; most of a "
        f"transfer is {STAGE_WORDS[most]} ({share:.0%})",
    )


STAGE_WORDS = {
    Stage.DNS: "waiting for an address",
    Stage.CONNECT: "connecting",
    Stage.TLS: "TLS",
    Stage.FIRST_BYTE: "waiting for the first byte",
    Stage.BODY: "the body",
}


def find_slowest(account: Account) -> list[tuple[str, HostCount]]:
    """Find the fewest hosts that hold most of the waiting; none if hosts are not counted yet."""
    total = account.add_up((Stage.HOST_WAIT,))
    named: list[tuple[str, HostCount]] = []
    held = 0.0
    for host, count in account.hosts.slowest(SHOWN_HOSTS):
        if held < MOST_OF_WAITING * total:
            named.append((host, count))
            held += count.waited
    return named


def describe_slowest(
    account: Account, named: Sequence[tuple[str, HostCount]], elapsed_s: float
) -> str:
    """Name these hosts, and say how much of the waiting they hold and how much they answer."""
    held = sum(count.waited for _, count in named)
    total = account.add_up((Stage.HOST_WAIT,))
    if not named:  # they are not counted yet
        return "rows wait for their host longer than they transfer"
    names = ", ".join(host for host, _ in named)
    rate = sum(count.rows for _, count in named) / len(named) / max(elapsed_s, 1e-9)
    pace = f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
    share = format_share(held / total)
    if len(named) == 1:
        return f"{names} holds {share} of the time that rows wait for a host, and answers {pace}"
    return (
        f"{len(named)} of them hold {share} of the time that rows wait for a host, and answer {pace} "
        f"each ({names})"
    )


def describe_rests(rows: int, rows_left: int | None) -> str:
    if not rows:
        return ""
    of_left = f" of {rows_left:,} left" if rows_left else ""
    return f"; {rows:,} rows{of_left} wait for hosts at rest"


def format_share(share: float) -> str:
    """Write a share of the time; clocks of several threads may add up to a little more than all."""
    return f"{min(share, 1.0):.0%}"
