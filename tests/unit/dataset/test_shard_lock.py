"""The lock of a shard: when a store is down, a disk is full, or the run is to end."""

from __future__ import annotations

import errno
import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from img2dataset.backoff import Backoff
from img2dataset.dataset import file_lock, lease, shard_lock
from img2dataset.dataset.lease import LeaseTimes
from img2dataset.dataset.shard_lock import SHARD_LOCKS, acquire_shard_lock
from img2dataset.dataset.stats import read_stats, write_stats
from img2dataset.errors import LeaseLostError, StorageGoneError
from img2dataset.formats import WriterConfig
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.sources import SourceConfig
from img2dataset.storage.folder import Folder
from img2dataset.storage.retry import StorageRetry
from img2dataset.tally import ShardResult, Tally
from img2dataset.worker.store_shard import OpenShard, ShardStore
from tests.unit.formats.shard import (
    NAME,
    NOT_FOUND,
    ShardToStore,
    begin,
    jpeg,
    picture,
    shard_of,
    store,
)

LEASE = f"{SHARD_LOCKS}/{NAME}"
TIMES = LeaseTimes(heartbeat_s=15.0, timeout_s=0.4, poll_s=0.05)


class OneWay(MemoryFileSystem):  # type: ignore[misc]
    """The store as one worker sees it: while it is `down`, it is so for this worker alone."""

    protocol = "s3"
    down: ClassVar[threading.Event] = threading.Event()
    asked: ClassVar[threading.Event] = threading.Event()
    """Since it is down."""
    down_after: ClassVar[str] = "\0"
    """It goes down when a file whose name ends so is there."""

    def _look(self) -> None:
        if self.down.is_set():
            self.asked.set()
            raise ConnectionError("down for us")

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        self._look()
        file = super()._open(path, mode, **options)
        if mode in {"wb", "xb"} and path.endswith(self.down_after):
            self.down.set()
        return file

    def cat_file(self, path: str, *args: Any, **options: Any) -> Any:
        self._look()
        return super().cat_file(path, *args, **options)

    def pipe_file(self, path: str, *args: Any, **options: Any) -> Any:
        self._look()
        super().pipe_file(path, *args, **options)
        if path.endswith(self.down_after):
            self.down.set()

    def ls(self, path: str, *args: Any, **options: Any) -> Any:
        self._look()
        return super().ls(path, *args, **options)

    def rm(self, path: str, *args: Any, **options: Any) -> Any:
        self._look()
        return super().rm(path, *args, **options)

    def rm_file(self, path: str) -> Any:
        self._look()
        return super().rm_file(path)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shard_lock, "SHARD_LEASE", TIMES)
    monkeypatch.setattr(shard_lock, "FILE_POLL_S", 0.01)
    monkeypatch.setattr("img2dataset.storage.retry.PAUSES", Backoff(first=0.02, longest=0.02))
    yield
    OneWay.down.clear()
    OneWay.asked.clear()
    OneWay.down_after = "\0"


@pytest.fixture
def elsewhere() -> Folder:
    folder = Folder(f"memory://{uuid.uuid4().hex}/out", StorageRetry(60, lambda _: None))
    folder.make()
    return folder


def one_way(folder: Folder, storage_retry: StorageRetry | None = None) -> Folder:
    """The same folder, by a connection that may be down."""
    same = Folder(
        folder.url, storage_retry or StorageRetry(60, lambda _: None), concurrent_attempts=True
    )  # fmt: skip
    same.fs = OneWay(skip_instance_cache=True)
    return same


def take_over(folder: Folder) -> None:
    """Somebody else's turn, for whom we have given no sign of life for long enough."""
    folder.remove([LEASE])
    assert folder.create(LEASE, b"another")


def test_in_a_turn_that_was_lost_nothing_is_stored_and_nothing_removed(elsewhere: Folder) -> None:
    with acquire_shard_lock(elsewhere, NAME) as is_ours:
        elsewhere.write("before", b"")
        assert is_ours()
        take_over(Folder(elsewhere.url))
        assert not is_ours()
        with pytest.raises(LeaseLostError, match="another worker has taken the lock"):
            elsewhere.write("after", b"")
        with pytest.raises(LeaseLostError):
            elsewhere.remove(["before"])

    assert elsewhere.names("") == [".img2dataset", "before"]
    assert elsewhere.read(LEASE) == b"another", "it is not ours to give back"


def test_a_step_that_waited_for_the_store_is_not_done_in_a_turn_that_was_lost(
    elsewhere: Folder,
) -> None:
    ours = one_way(elsewhere)

    def recover() -> None:
        OneWay.asked.wait(10)
        take_over(elsewhere)
        OneWay.down.clear()

    with acquire_shard_lock(ours, NAME):
        ours.write("before", b"")
        OneWay.down.set()
        threading.Thread(target=recover).start()
        with pytest.raises(LeaseLostError):
            ours.write("after", b"")

    assert not elsewhere.exists("after")


def test_a_turn_elsewhere_in_which_nothing_happens_goes_on(elsewhere: Folder) -> None:
    with acquire_shard_lock(elsewhere, NAME):
        elsewhere.write("a", b"")
    elsewhere.write("b", b"")  # out of it nobody asks

    assert elsewhere.names(SHARD_LOCKS) == []


# -- what a worker makes of it


OURS = shard_of({}, picture(), picture(), NOT_FOUND)
THEIRS = shard_of({}, NOT_FOUND, picture(jpeg(40)), picture(jpeg(40)))


def result_of(shard: ShardToStore) -> ShardResult:
    return ShardResult(
        3, NAME, sum((Tally.of(each) for each in shard.samples()), Tally()), 1.0, 2.0
    )


def store_at(folder: Folder, output_format: str) -> ShardStore:
    options = Options(None, output_folder=folder.url, output_format=output_format)
    job = Job(options, SourceConfig.of(options), concurrent_attempts=True)
    return ShardStore(job, folder, WriterConfig.of(options))


def opened_in(folder: Folder, output_format: str) -> OpenShard:
    """All rows of the shard are in."""
    writer = begin(output_format, folder, OURS)
    for sample in OURS.samples():
        writer.write(sample)
    return OpenShard(3, NAME, 0, writer, 1.0, result_of(OURS).tally)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output_format", "down_after"),
    [("webdataset", ".tar"), ("webdataset", ".parquet"), ("files", "1.jpg"), ("files", ".parquet")],
)
def test_a_worker_that_was_taken_for_dead_leaves_what_the_other_stored(
    elsewhere: Folder, output_format: str, down_after: str
) -> None:
    ours = one_way(elsewhere)
    shards = store_at(ours, output_format)
    shard = opened_in(ours, output_format)
    OneWay.down_after = down_after
    stored: dict[str, bytes] = {}

    def other() -> None:
        assert OneWay.asked.wait(10)
        with acquire_shard_lock(elsewhere, NAME):
            assert read_stats(elsewhere, 3, NAME) is None
            store(output_format, elsewhere, THEIRS)
            write_stats(elsewhere, result_of(THEIRS))
        stored.update(contents(elsewhere))
        OneWay.down_after = "\0"
        OneWay.down.clear()

    thread = threading.Thread(target=other)
    thread.start()
    result = shards.store(shard, 2.0)
    thread.join()

    assert (shard.error, result.tally.statuses) == (None, result_of(THEIRS).tally.statuses)
    assert contents(elsewhere) == stored
    if output_format == "files":
        assert len([name for name in stored if name.endswith(".jpg")]) == 2
    assert elsewhere.names(SHARD_LOCKS) == []


@pytest.mark.slow
def test_a_worker_that_lost_its_turn_to_one_that_died_says_that_the_shard_failed(
    elsewhere: Folder,
) -> None:
    ours = one_way(elsewhere)
    shards = store_at(ours, "webdataset")
    shard = opened_in(ours, "webdataset")
    OneWay.down_after = ".tar"

    def other() -> None:
        assert OneWay.asked.wait(10)
        take_over(elsewhere)  # and give no sign of life
        OneWay.down_after = "\0"
        OneWay.down.clear()

    thread = threading.Thread(target=other)
    thread.start()
    shards.store(shard, 2.0)
    thread.join()

    assert "another worker has taken the lock" in str(shard.error)
    assert read_stats(elsewhere, 3, NAME) is None


def test_a_worker_whose_store_is_gone_for_good_removes_nothing_that_may_be_the_others(
    elsewhere: Folder,
) -> None:
    ours = one_way(elsewhere, StorageRetry(0.1, lambda _: None))
    shards = store_at(ours, "files")
    shard = opened_in(ours, "files")
    OneWay.down_after = ".parquet"

    with pytest.raises(StorageGoneError):
        shards.store(shard, 2.0)

    assert shard.writer is None, "nor does the end of the worker"


def contents(folder: Folder) -> dict[str, bytes]:
    """Every visible file."""
    names = [name for name in folder.fs.find(folder.root) if ".img2dataset" not in name]
    return {name: folder.fs.cat_file(name) for name in names}


# -- while one waits for it


@pytest.mark.slow
@pytest.mark.parametrize("place", ["disk", "elsewhere"])
def test_who_waits_for_a_turn_hears_that_the_run_is_to_end(
    tmp_path: Path, elsewhere: Folder, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_lock, "FILE_POLL_S", 25.0)
    slow = LeaseTimes(heartbeat_s=15.0, timeout_s=60.0, poll_s=25.0)
    storage_retry = StorageRetry(600)
    url = str(tmp_path) if place == "disk" else elsewhere.url
    threading.Timer(0.2, storage_retry.end).start()

    with acquire_shard_lock(Folder(url), NAME):
        begun = time.monotonic()
        with pytest.raises(TimeoutError, match="another worker is storing 00003"):  # noqa: SIM117
            with acquire_shard_lock(Folder(url, storage_retry), NAME, slow):
                pass

    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_turn_in_a_folder_waits_for_room_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    plain = file_lock.open_lock_file
    tries: list[Path] = []

    def full(path: Path) -> Any:
        tries.append(path)
        if len(tries) < 4:
            raise OSError(number, os.strerror(number))
        return plain(path)

    monkeypatch.setattr(shard_lock, "open_lock_file", full)
    with acquire_shard_lock(Folder(str(tmp_path), StorageRetry(60, lambda _: None)), NAME):
        assert len(tries) == 4


@pytest.mark.slow
def test_who_could_not_look_for_a_while_does_not_take_the_other_for_dead(
    elsewhere: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been down for the other one as well."""
    times = LeaseTimes(heartbeat_s=0.5, timeout_s=1.0, poll_s=0.05)
    assert elsewhere.create(LEASE, b"another")
    ours = one_way(elsewhere)
    seen = threading.Event()
    ahead = [0.0]
    back: list[float] = []

    def now() -> float:
        return time.monotonic() + ahead[0]

    def outage() -> None:
        seen.wait(10)
        OneWay.down.set()
        assert OneWay.asked.wait(10)
        ahead[0] = 1.5 * times.timeout_s
        back.append(now())
        OneWay.down.clear()

    plain = lease.wait_for_holder

    def wait_for_holder(*args: Any) -> None:
        seen.set()
        plain(*args)

    monkeypatch.setattr(lease, "wait_for_holder", wait_for_holder)
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=now))
    thread = threading.Thread(target=outage)
    thread.start()
    with acquire_shard_lock(ours, NAME, times):
        assert now() - back[0] > 0.9 * times.timeout_s
    thread.join()


def test_a_lease_whose_making_was_not_answered_is_known(
    elsewhere: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = LeaseTimes(heartbeat_s=15.0, timeout_s=60.0, poll_s=0.05)
    plain = elsewhere.create

    def create(name: str, data: bytes) -> bool:
        assert plain(name, data)
        return plain(name, data)  # the try after the one whose answer was lost

    monkeypatch.setattr(elsewhere, "create", create)
    begun = time.monotonic()
    with acquire_shard_lock(elsewhere, NAME, slow):
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("left", [b"", b"cut"])
def test_a_lock_whose_holder_died_while_it_was_created_is_taken_over(
    left: bytes, elsewhere: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: float(len(waits)))

    def wait_for_holder(_: Folder, __: str, seconds: float, deadline: float) -> None:
        waits.append(seconds)
        assert len(waits) < deadline

    monkeypatch.setattr(lease, "wait_for_holder", wait_for_holder)
    monkeypatch.setattr(lease, "time", clock)
    elsewhere.fs.pipe_file(elsewhere.path(LEASE), left)
    times = LeaseTimes(heartbeat_s=15.0, timeout_s=3.0, poll_s=1.0)

    with acquire_shard_lock(elsewhere, NAME, times) as is_ours:
        assert is_ours()
    assert waits == [1.0] * 4


def test_a_lock_that_is_neither_there_nor_can_be_made_is_waited_for_no_longer_than_others(
    elsewhere: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "create", lambda *_: False)
    times = LeaseTimes(heartbeat_s=15.0, timeout_s=60.0, poll_s=0.01, acquire_s=0.02)

    with (
        pytest.raises(TimeoutError, match="another worker is storing 00003"),
        acquire_shard_lock(elsewhere, NAME, times),
    ):
        pass


def test_signs_of_life_begin_though_the_first_connection_fails(
    elsewhere: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = LeaseTimes(heartbeat_s=0.02, timeout_s=60.0, poll_s=0.05)
    failed: list[str] = []
    beating = threading.Event()

    class Refused(Folder):
        def __init__(self, url: str) -> None:
            if len(failed) < 3:
                failed.append(url)
                raise ConnectionRefusedError("not now")
            super().__init__(url)

        def write(self, name: str, data: bytes) -> None:
            super().write(name, data)
            beating.set()

    monkeypatch.setattr(lease, "Folder", Refused)
    with acquire_shard_lock(elsewhere, NAME, times):
        assert beating.wait(10), "no sign of life"
        assert len(failed) == 3

    assert elsewhere.names(SHARD_LOCKS) == []


def test_signs_of_life_go_on_after_an_outage_and_end_with_the_turn(
    elsewhere: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = LeaseTimes(heartbeat_s=0.02, timeout_s=60.0, poll_s=0.05)
    plain = Folder.write
    failed: list[str] = []

    def write(folder: Folder, name: str, data: bytes) -> None:
        if name.startswith(SHARD_LOCKS) and len(failed) < 3:
            failed.append(name)
            raise ConnectionError("down")
        plain(folder, name, data)

    monkeypatch.setattr(Folder, "write", write)
    with acquire_shard_lock(elsewhere, NAME, times):
        deadline = time.monotonic() + 10
        while len(elsewhere.names(SHARD_LOCKS)) < 2:
            assert time.monotonic() < deadline, "no sign of life"
            time.sleep(0.01)
        assert len(failed) == 3

    assert elsewhere.names(SHARD_LOCKS) == []
