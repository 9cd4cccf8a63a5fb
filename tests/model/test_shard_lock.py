"""Two attempts at a shard, in every order, with one crash or one lost lease at any step."""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import IO, Any

import pytest

from img2dataset.dataset import lease, shard_lock
from img2dataset.dataset.lease import HolderWatch, LeaseTimes
from img2dataset.dataset.shard_lock import SHARD_LOCKS
from img2dataset.dataset.stats import stats_name
from img2dataset.formats import WriterConfig
from img2dataset.formats.outputs import Outputs
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.records import Sample
from img2dataset.sources import SourceConfig
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole
from img2dataset.storage.retry import StorageRetry
from img2dataset.tally import Tally
from img2dataset.worker.store_shard import OpenShard, ShardStore
from tests.model.explorer import Actor, Execution, Found, Store, explore

NAME = "00003"
CONFIG = WriterConfig(encode_format="jpg", captions=False, extract_exif=False, compute_hash=None)
STATS = f"out/{stats_name(NAME)}"
TIMES = LeaseTimes(heartbeat_s=1000.0, timeout_s=60.0, poll_s=1.0, acquire_s=1e9)
"""Time passes only when the explorer says so, and then the lease is over."""
START_TIMES = {"A": 1.0, "B": 2.0, "C": 3.0}


IN_THREAD = threading.local()


class SeenWatch(HolderWatch):
    """A watch whose state the explorer can ask for, in its thread."""

    def __init__(self, times: LeaseTimes) -> None:
        super().__init__(times)
        IN_THREAD.watch = self

    def state(self, now: float) -> tuple[Hashable, float]:
        return self._seen, now - self._changed


class StepRetry(StorageRetry):
    """Waits for the explorer."""

    def __init__(self, execution: Execution, shard: OpenShard) -> None:
        super().__init__()
        self._execution = execution
        self._shard = shard

    def rest(self, seconds: float) -> bool:
        del seconds
        shard = self._shard
        watched = IN_THREAD.watch.state(self._execution.clock)
        self._execution.wait(*watched, shard.writer is None, shard.error)
        return True


def files_of(owner: str) -> dict[str, bytes]:
    """The data of a shard of one file and a table."""
    return {f"{NAME}.tar": owner.encode(), f"{NAME}.parquet": owner.encode()}


def images_of(owner: str) -> dict[str, bytes]:
    """The data of a shard of one image for each sample: no two attempts get the same images."""
    images = {f"{NAME}/{name}.jpg": owner.encode() for name in (owner, "S")}
    return {**images, f"{NAME}.parquet": owner.encode()}


Contents = Callable[[str], dict[str, bytes]]


class OwnedWriter:
    """A writer whose files say which attempt wrote them."""

    def __init__(self, folder: Folder, contents: dict[str, bytes]) -> None:
        self._outputs = Outputs(folder)
        images = {name: data for name, data in contents.items() if "/" in name}
        if images:
            target = self._outputs.folder(NAME)
            for name, data in images.items():
                target.write(name.rpartition("/")[2], data)
        for name in contents.keys() - images.keys():
            self._outputs.file(name).file.write(contents[name])

    def write(self, sample: Sample) -> None: ...

    def commit(self) -> None:
        with whole(self._outputs):
            pass

    def abort(self) -> None:
        self._outputs.abort()


class NoHeartbeat:
    """No heartbeat gets through: when time has passed, the lease is over."""

    def __init__(self, *_: Any) -> None: ...

    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> None: ...


OPTIONS = Options(None, output_folder="memory://model/out", output_format="webdataset")
JOB = Job(OPTIONS, SourceConfig.of(OPTIONS), concurrent_attempts=True)


def is_heartbeat(path: str) -> bool:
    return path.startswith(f"out/{SHARD_LOCKS}/{NAME}.")


class ModelFolder(Folder):
    """An output folder in the explorer's store."""

    def __init__(self, execution: Execution, shard: OpenShard, *, conditional: bool) -> None:
        super().__init__(
            "memory://model/out", StepRetry(execution, shard), concurrent_attempts=True
        )
        self.fs = Store(execution, conditional=conditional, never_written=is_heartbeat)
        self.root = "out"
        self._execution = execution
        self._shard = shard

    def scratch(self) -> IO[bytes]:
        """In memory: a thread that is killed closes no file."""
        return io.BytesIO()

    def create(self, name: str, data: bytes) -> bool:
        """As any folder; a thread that holds the lease need not remember how it came to it."""
        made = super().create(name, data)
        if made:
            self._execution.remember("holds", data, self._shard.writer is None, self._shard.error)
        return made


@dataclass(frozen=True)
class Model:
    """What is walked through."""

    contents: Contents
    conditional: bool = True
    """True if the store can create an object only if it is not there."""
    events: int = 0
    """Crashes or lost leases in one execution."""
    late_images: list[str] = field(default_factory=list)
    """Where an image too many was seen after a lease was lost: that is no problem."""

    def begin(self, monkeypatch: pytest.MonkeyPatch) -> Execution:
        execution = Execution(TIMES.timeout_s + 1, self.events)
        execution.actors = [Actor(name, self.attempt(execution, name)) for name in "AB"]
        clock = SimpleNamespace(monotonic=lambda: execution.clock)
        monkeypatch.setattr(lease, "time", clock)
        monkeypatch.setattr(lease, "os", SimpleNamespace(urandom=Tokens(execution)))
        return execution

    def attempt(self, execution: Execution, name: str) -> Callable[[], float | None]:
        """One worker that has all rows of the shard and stores it.  It returns the start time of
        the result that it reports; None if it reports that the shard failed."""

        def store() -> float | None:
            shard = OpenShard(3, NAME, 0, None, START_TIMES[name], Tally())
            folder = ModelFolder(execution, shard, conditional=self.conditional)
            shard.writer = OwnedWriter(folder, self.contents(name))
            result = ShardStore(JOB, folder, CONFIG).store(shard, 9.0)
            return result.start_time if shard.error is None else None

        return store

    def walk(self, monkeypatch: pytest.MonkeyPatch) -> Found:
        return explore(lambda: self.begin(monkeypatch), self.check_state, self.check_ending)

    def check_state(self, execution: Execution) -> str | None:
        """While no holder has lost its lease, the shard is of one attempt at any time."""
        return None if execution.lapsed else self.find_mixture(execution)

    def check_ending(self, execution: Execution) -> str | None:
        return (
            self.find_mixture(execution)
            or find_false_report(execution)
            or self.find_problem_of_next_run(execution)
        )

    def find_mixture(self, execution: Execution) -> str | None:
        """A shard with stats must have all the data of the same attempt, and no other."""
        objects = execution.objects
        owner = find_owner(objects.get(STATS))
        if owner is None:
            return None
        data = {
            path.removeprefix("out/"): data
            for path, data in objects.items()
            if path.startswith(f"out/{NAME}") and path != STATS
        }
        ours = self.contents(owner)
        mixture = f"stats of {owner}, data {data}"
        if execution.lapsed:
            late = {name for name in data if "/" in name and name not in ours}
            data = {name: of for name, of in data.items() if name not in late}
            self.late_images.extend([mixture] if late else [])
        return None if data == ours else mixture

    def find_problem_of_next_run(self, execution: Execution) -> str | None:
        """The next run clears what is left of locks, and does the shard if it has no stats."""
        execution.end()
        for name in [name for name in execution.objects if "/.img2dataset/" in name]:
            del execution.objects[name]
        if STATS not in execution.objects:
            execution.events_left = 0
            execution.actors = [Actor("C", self.attempt(execution, "C"))]
            execution.start()
            while choices := execution.choices():
                execution.do(choices[0])
        if STATS not in execution.objects:
            return f"the next run did not store the shard: {execution.actors[0].error!r}"
        return self.find_mixture(execution)


class Tokens:
    """Makes a new token for each lease, the same in each replay."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._made: Counter[str] = Counter()

    def __call__(self, size: int) -> bytes:
        actor = self._execution.me()
        name = actor.name if actor else "?"
        self._made[name] += 1
        return f"{name}{self._made[name]:0{size - 1}}".encode()


def find_owner(stats: bytes | None) -> str | None:
    """Which attempt wrote a stats file."""
    if stats is None:
        return None
    start_time = json.loads(stats)["start_time"]
    return next(name for name, time in START_TIMES.items() if time == start_time)


def find_false_report(execution: Execution) -> str | None:
    """An attempt that reports a stored shard must report the one that is stored."""
    stored = START_TIMES.get(find_owner(execution.objects.get(STATS)) or "")
    for actor in execution.actors:
        if actor.error is not None:
            return f"{actor.name} failed: {actor.error!r}"
        if actor.result not in {None, stored}:
            return f"{actor.name} reports a shard that is not stored"
    return None


@pytest.fixture(autouse=True)
def _model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "Heartbeat", NoHeartbeat)
    monkeypatch.setattr(lease, "HolderWatch", SeenWatch)
    monkeypatch.setattr(shard_lock, "SHARD_LEASE", TIMES)


every_layout = pytest.mark.parametrize("contents", [files_of, images_of])


@every_layout
def test_attempts_that_live_never_mix(contents: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Model(contents).walk(monkeypatch)

    assert not found.problem, found.problem
    assert found.endings >= 2


@pytest.mark.slow
@every_layout
def test_attempts_never_mix_whatever_happens_to_one(
    contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One crash, or one lost lease, at any step.

    An image that arrives after a lease was lost may stay: docs/storage.md says so.  If only that
    line fails, the code has become better than the page.
    """
    model = Model(contents, events=1)
    found = model.walk(monkeypatch)

    assert not found.problem, found.problem
    assert found.states > 1000, found
    stayed = [text for text in model.late_images if text.startswith("stats of B")]
    assert any(f"'{NAME}/A.jpg': b'A'" in text for text in stayed) == (contents is images_of)


def test_without_conditional_writes_attempts_that_begin_together_may_mix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """docs/storage.md says so.  If this fails, the code has become better than the page."""
    found = Model(files_of, conditional=False).walk(monkeypatch)

    assert "stats of" in found.problem
    assert f"look out/{SHARD_LOCKS}/{NAME}" in found.problem
