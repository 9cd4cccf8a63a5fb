"""Completing a stored shard: killed at any moment, the old shard or the new one is there."""

from __future__ import annotations

import io
import json
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.dataset import replace as journal
from img2dataset.dataset.stats import write_stats
from img2dataset.errors import DamagedError, MismatchError
from img2dataset.formats import NAMES, ShardFiles, WriterConfig, find_format
from img2dataset.formats.tar_indexes import SUFFIXES
from img2dataset.formats.tar_scan import build_stored
from img2dataset.records import EncodedImage, Failure, Row, Sample, key_digits, sample_key
from img2dataset.retry.shard import Completion
from img2dataset.storage.folder import HIDDEN, Folder
from img2dataset.storage.reading import copy, list_folders, list_sizes
from img2dataset.tally import ShardResult, Tally
from tests.unit.formats.shard import (
    CONFIG,
    NAME,
    NOT_FOUND,
    SMALL,
    TIMEOUT,
    ShardToStore,
    jpeg,
    memory_folder,
    picture,
    shard_of,
    store,
)

STORING = [name for name in NAMES if find_format(name).stores_rows]
every_format = pytest.mark.parametrize("output_format", STORING)
a_few_formats = pytest.mark.parametrize("output_format", ["files", "webdataset", "parquet"])
"""A folder, a file beside a table, a table: each on every kind of store."""
TIMES = (100.0, 200.0)


def stored() -> ShardToStore:
    """Rows 1, 3 and 5 may pass."""
    return shard_of(
        {"caption": ["a", "b", "c", None, "e", "f"]},
        picture(), TIMEOUT, SMALL, TIMEOUT, picture(jpeg(32)), TIMEOUT,
    )  # fmt: skip


COMES: dict[int, EncodedImage | Failure] = {
    1: picture(jpeg(16)),
    3: NOT_FOUND,
    5: picture(jpeg(24)),
}


def result_of(samples: list[Sample]) -> ShardResult:
    tally = Tally()
    for sample in samples:
        tally.add(sample)
    return ShardResult(3, NAME, tally, *TIMES)


def make(folder: Folder, output_format: str, config: WriterConfig = CONFIG) -> None:
    """Store the shard as a run does."""
    store(output_format, folder, stored(), config)
    write_stats(folder, result_of(stored().samples()))


def key_of(index: int) -> str:
    return sample_key(3, index, key_digits(10_000), 5)


def complete(
    folder: Folder,
    output_format: str,
    comes: dict[int, EncodedImage | Failure] | None = None,
    config: WriterConfig = CONFIG,
) -> ShardResult:
    """What a worker does with a stored shard."""
    completion = Completion(folder, NAME, output_format, config)
    table, keys = completion.begin(stored().table, key_of)
    outcomes = {key_of(index): outcome for index, outcome in (comes or COMES).items()}
    samples = []
    for index, fields in enumerate(table.to_pylist()):
        key = keys(index)
        outcome = outcomes[key]
        digest = "cd" * 32 if isinstance(outcome, EncodedImage) else None
        samples.append(Sample(Row(3, index, key, fields["url"], fields), outcome, digest))
    for sample in reversed(samples):
        completion.write(sample)
    return completion.complete(result_of(samples))


def contents(folder: Folder, inside: str = "") -> dict[str, bytes]:
    """Every visible file."""
    found = {}
    for name in list_sizes(folder, inside):
        where = f"{inside}/{name}" if inside else name
        found[where] = folder.read(where)
    for name in list_folders(folder, inside):
        if name != HIDDEN:
            found |= contents(folder, f"{inside}/{name}" if inside else name)
    return found


def table_of(files: dict[str, bytes]) -> pa.Table:
    return pq.read_table(io.BytesIO(files[f"{NAME}.parquet"]))


@every_format
def test_what_came_back_is_in_its_place_and_the_rest_is_as_it_was(
    output_format: str, tmp_path: Path
) -> None:
    folder = Folder(str(tmp_path))
    make(folder, output_format)
    before = table_of(contents(folder))

    result = complete(folder, output_format)

    assert (result.tally.count, result.tally.successes, result.kept) == (3, 2, 3)
    after = table_of(contents(folder))
    assert after.schema == before.schema
    assert after["key"].equals(before["key"])
    assert after["error_message"].to_pylist() == [
        None, None, "image too small", "HTTP Error 404: Not Found", None, None,
    ]  # fmt: skip
    same = pa.array([0, 2, 4])
    assert after.take(same).equals(before.take(same))
    assert folder.names(journal.REPLACING) == []


@every_format
def test_a_shard_where_nothing_came_back_is_not_touched(output_format: str, tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    make(folder, output_format)
    before = {path: path.stat() for path in tmp_path.rglob("*") if HIDDEN not in path.parts}

    result = complete(folder, output_format, dict.fromkeys(COMES, NOT_FOUND))

    assert result.unchanged
    now = {path: path.stat() for path in tmp_path.rglob("*") if HIDDEN not in path.parts}
    assert {path: stat.st_mtime_ns for path, stat in before.items()} == {
        path: stat.st_mtime_ns for path, stat in now.items()
    }
    assert folder.names(journal.REPLACING) == []


# -- a kill at any moment


class Killed(BaseException):
    """The process is dead: nothing can be done any more."""


@dataclass
class Killer:
    """Ends everything at the n-th change of a file, and at whatever is tried after it."""

    left: int = sys.maxsize
    root: str | None = None
    """Where changes count; nowhere if it is None."""

    def change(self) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Killed

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self.root is None or event not in EVENTS or not str(args[0]).startswith(self.root):
            return
        if event != "open" or args[2] & WRITING or self.left <= 0:
            self.change()


EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}
WRITING = 0o3  # O_WRONLY | O_RDWR
killer = Killer()
sys.addaudithook(killer.hear)  # for good: there is no other way

Store = Callable[[], Folder]


@pytest.fixture(
    params=[
        "disk",
        pytest.param("slow", marks=pytest.mark.slow),
        pytest.param("store", marks=pytest.mark.slow),
    ]
)
def new_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """Makes folders: on the disk, or on a store that has to remove before it moves, or on one that
    copies over what is there.  The killer counts what is done to them."""
    if request.param == "disk":
        yield lambda: Folder(str(tmp_path / uuid.uuid4().hex))
        return
    if request.param == "store":
        monkeypatch.setattr(journal, "move", copy)
    fs = memory_folder().fs

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if killer.root is not None:
                killer.change()
            return method(*args, **kwargs)

        return call

    for name in ("rm_file", "cp_file", "pipe_file", "makedirs", "open"):
        monkeypatch.setattr(fs, name, counted(getattr(fs, name)))

    def only() -> Folder:
        fs.store.clear()  # every look at a file goes through all that were ever stored
        return memory_folder()

    yield only


def attempt(
    folder: Folder, output_format: str, kill_at: int, config: WriterConfig = CONFIG
) -> bool:
    """Complete the shard, killed at a step; say whether it was over before."""
    killer.left, killer.root = kill_at, folder.root
    try:
        complete(folder, output_format, config=config)
    except Killed:
        return False
    finally:
        killer.root = None
    return True


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@a_few_formats
def test_killed_at_any_step_the_old_shard_or_the_new_one_is_there(
    output_format: str, new_folder: Store
) -> None:
    undisturbed = new_folder()
    make(undisturbed, output_format)
    old = contents(undisturbed)
    complete(undisturbed, output_format)
    new = contents(undisturbed)
    seen = []

    for step in range(1, 1000):
        folder = new_folder()
        make(folder, output_format)
        if attempt(folder, output_format, step):
            break
        journal.recover(folder)  # what every run does first
        now = contents(folder)
        assert now in (old, new), f"killed at step {step}: a mixture of {sorted(now)}"
        seen.append(now == new)
        assert folder.names(journal.REPLACING) == []
        if now == old:
            complete(folder, output_format)
        assert contents(folder) == new
    assert len(seen) > 8
    assert seen == sorted(seen), "from one step on it is the new shard"
    assert True in seen


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@a_few_formats
def test_killed_while_it_finishes_a_replacement_the_next_one_does(
    output_format: str, new_folder: Store
) -> None:
    undisturbed = new_folder()
    make(undisturbed, output_format)
    complete(undisturbed, output_format)
    new = contents(undisturbed)

    at = step_of_the_mark(new_folder, output_format)

    for step in range(1, 1000):
        folder = new_folder()
        make(folder, output_format)
        attempt(folder, output_format, at)
        killer.left, killer.root = step, folder.root
        try:
            journal.recover(folder)
            break
        except Killed:
            killer.root = None
            journal.recover(folder)
            assert contents(folder) == new
        finally:
            killer.root = None
    assert step > 3


INDEXED = replace(CONFIG, index_kinds=tuple(SUFFIXES))


def stale_indexes(folder: Folder) -> list[str]:
    """The index files that are not of the tar beside them, as it is at this moment."""
    built = build_stored(ShardFiles(folder, NAME), tuple(SUFFIXES))
    names = set(folder.names())
    return [
        suffix
        for suffix in SUFFIXES.values()
        # the table of the tar may be the old one: it has the sizes of all images that are in both
        if NAME + suffix in names
        and suffix != ".json"
        and folder.read(NAME + suffix) != built[suffix]
    ] + [
        ".json"
        for name in names & {f"{NAME}.json"}
        if json.loads(folder.read(name))["files"].keys()
        != json.loads(built[".json"])["files"].keys()
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_killed_at_any_step_no_index_is_beside_another_tar(new_folder: Store) -> None:
    missing = 0
    for step in range(1, 1000):
        folder = new_folder()
        make(folder, "webdataset", INDEXED)
        over = attempt(folder, "webdataset", step, INDEXED)

        if f"{NAME}.tar" in folder.names():  # some stores remove it before they move the new one
            assert stale_indexes(folder) == [], f"killed at step {step}"
        missing += len(set(folder.names()) & {f"{NAME}.idx"}) == 0
        journal.recover(folder)
        assert stale_indexes(folder) == []
        assert {NAME + suffix for suffix in SUFFIXES.values()} <= set(folder.names())
        if over:
            break
    assert step > 20
    assert missing, "for a moment there is none"


def step_of_the_mark(new_folder: Store, output_format: str) -> int:
    """The first step at which a kill leaves a replacement that is to be finished."""
    for step in range(1, 1000):
        folder = new_folder()
        make(folder, output_format)
        attempt(folder, output_format, step)
        if journal.list_committed(folder):
            return step
    raise AssertionError("there is no such step")


# -- what is refused


def test_another_list_is_refused(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    make(folder, "webdataset")
    shuffled = stored().table.take(pa.array([1, 0, 2, 3, 4, 5]))

    for table in (stored().table.slice(0, 5), shuffled):
        with pytest.raises(MismatchError, match="the list"):
            Completion(folder, NAME, "webdataset", CONFIG).begin(table, key_of)


def test_other_columns_are_refused(tmp_path: Path) -> None:
    """A shard of the old tool does not say with which options it was made."""
    folder = Folder(str(tmp_path))
    make(folder, "webdataset")
    before = contents(folder)
    config = replace(CONFIG, compute_hash="md5")
    completion = Completion(folder, NAME, "webdataset", config)
    table, keys = completion.begin(stored().table, key_of)
    samples = [
        Sample(Row(3, index, keys(index), None, fields), picture(), "ef" * 16)
        for index, fields in enumerate(table.to_pylist())
    ]
    for sample in samples:
        completion.write(sample)

    with pytest.raises(MismatchError, match="sha256"):
        completion.complete(result_of(samples))
    completion.abort()
    assert contents(folder) == before


def test_the_rows_of_the_old_tool_come_in_any_order_and_stay_in_it(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    make(folder, "parquet")
    order = pa.array([5, 2, 0, 4, 1, 3])
    before = table_of(contents(folder)).take(order)
    pq.write_table(before, tmp_path / f"{NAME}.parquet", row_group_size=2)

    complete(folder, "parquet")

    after = table_of(contents(folder))
    assert after["key"].equals(before["key"])
    sizes = [None if data is None else len(data) for data in after["jpg"].to_pylist()]
    expected = [len(jpeg(24)), None, len(jpeg()), len(jpeg(32)), len(jpeg(16)), None]
    assert sizes == expected


@pytest.mark.parametrize("output_format", ["webdataset", "tfrecord"])
def test_a_shard_that_lacks_samples_is_not_taken_for_whole(
    output_format: str, tmp_path: Path
) -> None:
    folder = Folder(str(tmp_path))
    make(folder, output_format)
    suffix = find_format(output_format).suffixes[0]
    nothing = bytes(10_240) if output_format == "webdataset" else b""
    (tmp_path / f"{NAME}{suffix}").write_bytes(nothing)

    with pytest.raises(DamagedError, match="--repair"):
        complete(folder, output_format)
