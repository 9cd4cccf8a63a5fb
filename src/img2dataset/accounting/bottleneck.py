"""An account -> the sentence that names what limits the run, and what to change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from img2dataset.accounting.account import IMAGE, STORE, TRANSFER, Account, Stage

MIN_SECONDS = 5.0
"""Before that, starting up is most of what is seen."""
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


class BottleneckKind(StrEnum):
    """What limits a run."""

    IMAGES = "images"
    FETCH_CPU = "fetch_cpu"
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


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a run has to work with."""

    workers: int
    image_threads: int
    """Of each worker."""
    transfers: int
    """That may be in flight in each worker."""


@dataclass(frozen=True, slots=True)
class Load:
    """Shares of the time, 0 to 1, averaged over all workers."""

    images: float
    fetch_cpu: float
    storage: float
    slots: float
    bodies_waiting: float
    """Bodies that wait for an image thread, for each of these, at a time."""

    @classmethod
    def of(cls, account: Account, capacity: Capacity, elapsed_s: float) -> Load:
        """Divide what was used by what there was in `elapsed_s` seconds."""
        time = max(elapsed_s, 1e-9) * max(1, capacity.workers)
        return cls(
            images=account.add_up(IMAGE) / time / max(1, capacity.image_threads),
            fetch_cpu=account.seconds[Stage.FETCH_CPU] / time,
            storage=account.add_up(STORE) / time,
            slots=account.add_up(TRANSFER) / time / max(1, capacity.transfers),
            bodies_waiting=account.seconds[Stage.IMAGE_WAIT]
            / time
            / max(1, capacity.image_threads),
        )


def find_bottleneck(
    account: Account,
    capacity: Capacity,
    elapsed_s: float,
    resting_rows: int = 0,
    rows_left: int | None = None,
) -> Bottleneck | None:
    """Find what limits a run, from the time it spent since it began.

    Args:
        account: the sum over its shards.
        capacity: its workers and threads.
        elapsed_s: seconds since it began.
        resting_rows: rows that wait for hosts which are left alone for now.
        rows_left: rows that are not done; None if that is unknown.

    Returns:
        None if it is too early to say.
    """
    if elapsed_s < MIN_SECONDS or not account:
        return None
    load = Load.of(account, capacity, elapsed_s)
    if load.storage >= STORE_BUSY and load.storage >= load.images:
        return describe_storage(account, load)
    if load.images >= BUSY or load.bodies_waiting >= MANY_WAITING:
        return Bottleneck(
            BottleneckKind.IMAGES,
            f"CPU: image threads are busy {load.images:.0%} of the time, and {load.bodies_waiting:.0f} "
            "bodies wait for each of them; more cores or a smaller image_size would help",
        )
    if load.fetch_cpu >= BUSY:
        return Bottleneck(
            BottleneckKind.FETCH_CPU,
            f"CPU: the thread that fetches is busy {load.fetch_cpu:.0%} of the time in each worker; "
            "more processes_count, on more cores, would help",
        )
    if load.slots >= SLOTS_BUSY:
        return describe_network(account, load)
    return describe_waiting(account, load, resting_rows, rows_left)


def describe_storage(account: Account, load: Load) -> Bottleneck:
    """Say that storing takes the time: the medium, or the packing itself."""
    uploads = account.seconds[Stage.UPLOAD] >= account.seconds[Stage.PACK]
    what = "finish and store the files of shards" if uploads else "write samples into shards"
    return Bottleneck(
        BottleneckKind.STORAGE,
        f"storage: workers {what} {load.storage:.0%} of the time; a faster output_folder or more "
        "processes_count would help",
    )


def describe_network(account: Account, load: Load) -> Bottleneck:
    """Say what the transfers wait for, of which nearly as many are in flight as may be."""
    total = account.add_up(TRANSFER)
    connecting = account.add_up((Stage.CONNECT, Stage.TLS)) / total
    share = {stage: account.seconds[stage] / total for stage in TRANSFER}
    used = f"{load.slots:.0%} of the transfers that thread_count allows are in flight"
    if share[Stage.DNS] >= BIG_SHARE:
        return Bottleneck(
            BottleneckKind.DNS,
            f"DNS: {share[Stage.DNS]:.0%} of a transfer's time is waiting for an address; a caching "
            "resolver on this machine would help",
        )
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


def describe_waiting(
    account: Account, load: Load, resting_rows: int, rows_left: int | None
) -> Bottleneck:
    """Say why neither threads nor transfers are in use: a few hosts hold the rows, or nothing does."""
    waits, used = account.seconds[Stage.HOST_WAIT], account.add_up(TRANSFER)
    if waits > used and waits > 0:
        hosts = account.hosts.busiest(SHOWN_HOSTS)
        rows = sum(count.rows for count in account.hosts.by_host.values())
        held = sum(count.rows for _, count in hosts) / rows if rows else 0.0
        names = ", ".join(host for host, _ in hosts)
        many = f"{len(hosts)} of them have" if len(hosts) > 1 else "one has"
        of_them = f": {many} {held:.0%} of the rows ({names})" if hosts else ""
        rests = ""
        if resting_rows:
            of_left = f" of {rows_left:,} left" if rows_left else ""
            rests = f"; {resting_rows:,} rows{of_left} wait for hosts at rest"
        return Bottleneck(
            BottleneckKind.HOSTS,
            f"the hosts{of_them}; rows wait for their host longer than they transfer{rests}; a list "
            "that is shuffled (shuffle) would help, or more max_connections_per_host if they agree",
        )
    return Bottleneck(
        BottleneckKind.NOTHING,
        f"nothing stands out: image threads are busy {load.images:.0%} of the time, transfers "
        f"{load.slots:.0%} of thread_count, storing {load.storage:.0%}",
    )
