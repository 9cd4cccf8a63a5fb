"""The door to files: a file has its name when it is whole, or not at all."""

from __future__ import annotations

import errno
import gc
import io
import os
import pickle
import stat
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, ClassVar

import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from img2dataset.errors import LeaseLostError, StorageGoneError
from img2dataset.storage import local as local_files
from img2dataset.storage import remote as remote_files
from img2dataset.storage.file_systems import open_url
from img2dataset.storage.folder import HIDDEN, PARTS, Folder
from img2dataset.storage.local import LocalFile
from img2dataset.storage.pending import Pending, whole
from img2dataset.storage.remote import RemoteFile
from img2dataset.storage.retry import StorageRetry


class ObjectStore(MemoryFileSystem):  # type: ignore[misc]
    """A store as s3fs is one: a file appears when it is closed, however that comes about."""

    protocol = "s3"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    made: ClassVar[list[str]] = []

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode == "wb" and "data" not in options:  # pipe_file comes with all its data
            return Upload(self, self._strip_protocol(path), mode)
        return super()._open(path, mode=mode, **options)

    def makedirs(self, path: str, **_: Any) -> None:
        self.made.append(path)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("s3://").strip("/")


class Upload(AbstractBufferedFile):  # type: ignore[misc]
    """Parts are gathered; the last one, sent by close(), completes the upload."""

    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []
        self.buffer: Any

    def _upload_chunk(self, final: Any = None) -> bool:
        self.buffer.seek(0)
        self.parts.append(self.buffer.read())
        if final:
            self.fs.pipe_file(self.path, b"".join(self.parts))
        return True

    def discard(self) -> None:
        self.buffer = None


def disk_folder(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "out"))


def memory_folder(_: Path) -> Folder:
    return Folder(f"memory://{uuid.uuid4().hex}/out")


def store_folder(_: Path) -> Folder:
    folder = Folder(f"memory://{uuid.uuid4().hex}/out")
    folder.fs = ObjectStore(skip_instance_cache=True)
    return folder


@pytest.fixture(params=[disk_folder, memory_folder, store_folder])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    made: Folder = request.param(tmp_path)
    made.make()
    return made


@pytest.fixture
def disk(tmp_path: Path) -> Folder:
    made = disk_folder(tmp_path)
    made.make()
    return made


def visible(folder: Folder) -> list[str]:
    return sorted(name for name in folder.names() if name != HIDDEN)


# -- files


def test_a_file_appears_with_its_commit(folder: Folder) -> None:
    pending = folder.begin("a.bin")
    pending.file.write(b"x" * 3_000_000)
    pending.file.flush()
    assert visible(folder) == []
    pending.commit()

    assert visible(folder) == ["a.bin"]
    assert folder.read("a.bin") == b"x" * 3_000_000
    assert folder.names(PARTS) == []


@pytest.mark.slow
def test_an_aborted_file_never_appears(folder: Folder) -> None:
    pending = folder.begin("a.bin")
    pending.file.write(b"x")
    pending.abort()
    pending.abort()
    del pending
    gc.collect()  # a file that is collected closes itself, which completes an upload

    assert visible(folder) == []
    assert folder.names(PARTS) == []


def test_an_abort_keeps_what_had_the_name_before(folder: Folder) -> None:
    folder.write("a", b"old")
    pending = folder.begin("a")
    pending.file.write(b"new")
    pending.abort()

    assert folder.read("a") == b"old"


def test_a_commit_replaces_what_had_the_name_before(folder: Folder) -> None:
    folder.write("a", b"old")
    folder.write("a", b"new")

    assert folder.read("a") == b"new"
    assert visible(folder) == ["a"]


def test_two_files_of_one_name_do_not_meet_before_the_commit(folder: Folder) -> None:
    first, second = folder.begin("a"), folder.begin("a")
    first.file.write(b"1")
    second.file.write(b"2")
    first.commit()
    second.abort()

    assert folder.read("a") == b"1"


def test_a_file_in_a_folder_that_is_not_there_yet(folder: Folder) -> None:
    folder.write(f"{HIDDEN}/state/run.json", b"{}")

    assert folder.exists(f"{HIDDEN}/state/run.json")
    assert folder.names(f"{HIDDEN}/state") == ["run.json"]


def test_a_failed_write_leaves_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> None:
        raise OSError(errno.ENOSPC, "no space")

    for kind in (LocalFile, RemoteFile):
        monkeypatch.setattr(kind, "commit", refuse)
    with pytest.raises(OSError, match="no space"):
        folder.write("a", b"x")

    assert visible(folder) == []


def test_an_upload_that_cannot_be_completed_is_discarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("connection lost")

    def note(upload: Upload) -> None:
        discarded.append(upload)

    discarded: list[Upload] = []
    monkeypatch.setattr(Upload, "discard", note)
    folder = store_folder(tmp_path)
    monkeypatch.setattr(folder.fs, "pipe_file", refuse)
    with pytest.raises(OSError, match="connection lost"):
        folder.write("a", b"x")

    assert len(discarded) == 1


def test_object_stores_are_not_asked_to_make_folders(tmp_path: Path) -> None:
    ObjectStore.made.clear()
    folder = store_folder(tmp_path)
    folder.write("a", b"x")
    pending = folder.begin_folder("b")
    pending.write("c", b"y")
    pending.commit()

    assert ObjectStore.made == []


def test_local_files_are_flushed_to_the_disk_before_they_get_their_name(
    disk: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    original = os.fsync

    def fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        flushed.append(f"{kind}, {'named' if disk.exists('a') else 'hidden'}")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    disk.write("a", b"x")

    assert flushed == ["file, hidden", "folder, named"]


# -- folders


def test_a_folder_appears_with_all_its_files(folder: Folder) -> None:
    pending = folder.begin_folder("00000")
    for name in ("a", "b"):
        pending.write(name, name.encode())
    if folder.local:
        assert visible(folder) == []
    pending.commit()

    assert sorted(folder.names("00000")) == ["a", "b"]
    assert folder.read("00000/b") == b"b"
    assert folder.names(PARTS) == []


def test_an_aborted_folder_leaves_nothing(folder: Folder) -> None:
    pending = folder.begin_folder("00000")
    pending.write("a", b"x")
    pending.abort()
    pending.abort()

    assert visible(folder) == []
    assert folder.names(PARTS) == []


def test_a_committed_folder_takes_the_place_of_an_older_one(disk: Folder) -> None:
    for name in ("old", "new"):
        pending = disk.begin_folder("00000")
        pending.write(name, b"")
        pending.commit()

    assert disk.names("00000") == ["new"]


def test_what_a_killed_try_stored_in_a_folder_does_not_stay_there(folder: Folder) -> None:
    for name in ("old", "both"):
        folder.write(f"00000/{name}", b"killed")
    pending = folder.begin_folder("00000")
    for name in ("both", "new"):
        pending.write(name, b"whole")
    pending.commit()

    assert sorted(folder.names("00000")) == ["both", "new"]
    assert folder.read("00000/both") == b"whole"


# -- attempts at one shard, at the same time


@pytest.fixture
def shared() -> Folder:
    """A folder of an object store, for one of several attempts."""
    folder = Folder(f"memory://{uuid.uuid4().hex}/out", concurrent_attempts=True)
    folder.fs = ObjectStore(skip_instance_cache=True)
    return folder


def test_what_a_dead_attempt_left_is_replaced(shared: Folder) -> None:
    for content in (b"dead", b"whole"):
        shared.write("00000.tar", content)
        images = shared.begin_folder("00000")
        images.write("a", content)
        images.commit()

    assert shared.read("00000.tar") == shared.read("00000/a") == b"whole"


@pytest.mark.parametrize("name", ["00000.tar", "00000/a"])
def test_a_late_upload_replaces_and_removes_nothing(shared: Folder, name: str) -> None:
    late: Pending
    if name.endswith(".tar"):
        late = file = shared.begin(name)
        file.file.write(b"late")
    else:
        late = images = shared.begin_folder("00000")
        images.write("a", b"late")
    shared.write(name, b"stored")  # by the other attempt, meanwhile
    checks: list[str] = []

    def check() -> None:
        """The lease is lost after the check that comes before the upload."""
        checks.append(name)
        if len(checks) > 1:
            raise LeaseLostError("lost")

    with shared.guarded(check), pytest.raises(LeaseLostError):
        late.commit()

    assert shared.read(name) == b"stored"
    late.abort()  # closes what is kept here


@pytest.mark.slow
def test_an_upload_that_failed_is_begun_again_from_the_start(tmp_path: Path) -> None:
    folder = store_folder(tmp_path)
    folder._storage_retry = StorageRetry(10)
    store, original = type(folder.fs), type(folder.fs).pipe_file
    failures = [ConnectionResetError("lost"), OSError(errno.EBUSY, "slow down")]

    def pipe_file(self: Any, path: str, data: bytes, **options: Any) -> None:
        if failures:
            raise failures.pop()
        original(self, path, data, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "pipe_file", pipe_file)
        folder.write("a", b"x" * 3_000_000)

    assert failures == []
    assert folder.read("a") == b"x" * 3_000_000


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_has_its_name_but_may_not_survive_a_power_cut_is_taken_back(
    kind: str, disk: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(local_files, "sync_folder", refuse)
    pending = disk.begin("a") if kind == "file" else disk.begin_folder("a")
    with pytest.raises(OSError, match="broken"):
        pending.commit()
    assert visible(disk) == ["a"]
    pending.abort()

    assert visible(disk) == []


def test_a_store_that_is_down_is_not_an_empty_one(tmp_path: Path) -> None:
    folder = store_folder(tmp_path)

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionResetError("lost")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(folder.fs), "info", refuse)
        patch.setattr(type(folder.fs), "ls", refuse)
        with pytest.raises(ConnectionResetError):
            folder.exists("a")
        with pytest.raises(ConnectionResetError):
            folder.names()


def test_many_remote_files_are_uploaded_in_bounded_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "UPLOAD_FILES", 10)
    monkeypatch.setattr(remote_files, "UPLOAD_BYTES", 1000)
    folder = store_folder(tmp_path)
    batches: list[int] = []
    pipe = folder.fs.pipe

    def counted(files: dict[str, bytes]) -> None:
        batches.append(len(files))
        pipe(files)

    monkeypatch.setattr(folder.fs, "pipe", counted)
    pending = folder.begin_folder("00000")
    for index in range(25):
        pending.write(str(index), b"x")
    for index in range(25, 28):
        pending.write(str(index), b"x" * 600)
    pending.commit()

    assert batches == [10, 10, 7, 1]
    assert len(folder.names("00000")) == 28


def test_a_disk_that_takes_half_a_file_is_an_error(
    disk: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Half(io.BytesIO):
        def write(self, data: Any) -> int:
            return len(data) // 2

    pending = disk.begin_folder("00000")
    monkeypatch.setattr("builtins.open", lambda *_, **__: Half())
    with pytest.raises(OSError, match="a") as caught:
        pending.write("a", b"1234")

    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    pending.abort()


class Full(MemoryFileSystem):  # type: ignore[misc]
    """A disk behind sftp that takes `room` bytes of a file."""

    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    room = 0
    pipe_file = AbstractFileSystem.pipe_file  # through open, as sftp's

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode != "wb":
            return super()._open(path, mode, **options)
        return Filled(self, self._strip_protocol(path))


class Filled(io.BytesIO):
    def __init__(self, fs: Full, path: str) -> None:
        super().__init__()
        self._fs = fs
        self._path = path
        fs.store[path] = MemoryFile(fs, path)

    def write(self, data: Any) -> int:
        self._fs.store[self._path] = MemoryFile(self._fs, self._path, data[: self._fs.room])
        if len(data) > self._fs.room:
            raise OSError("Failure")
        return len(data)


@pytest.fixture
def full(tmp_path: Path) -> Folder:
    folder = memory_folder(tmp_path)
    folder.fs = Full(skip_instance_cache=True)
    Full.store.clear()
    return folder


@pytest.mark.parametrize("room", [0, 3])
def test_a_file_that_was_cut_off_as_it_was_created_is_not_another_processs(
    room: int, full: Folder
) -> None:
    full.fs.room = room
    with pytest.raises(OSError, match="Failure"):
        full.create("lock", b"12345678")
    assert not full.exists("lock")

    full.fs = Full(skip_instance_cache=True)
    full.fs.room = 8
    assert full.create("lock", b"12345678")
    assert not full.create("lock", b"87654321")
    assert full.read("lock") == b"12345678"


def test_an_upload_to_a_full_disk_behind_sftp_says_what_the_disk_says(full: Folder) -> None:
    """Its open files do not let themselves be marked as closed."""
    with pytest.raises(OSError, match="Failure"):
        full.write("a", b"12345678")


class Stuck:
    """What cannot be removed either."""

    def commit(self) -> None:
        raise StorageGoneError("no room for 10 minutes")

    def abort(self) -> None:
        raise ConnectionError("down")


def test_why_a_file_was_not_stored_is_told_though_it_cannot_be_removed() -> None:
    with pytest.raises(StorageGoneError, match="no room"), whole(Stuck()):
        pass


# -- moves onto what is there


class Slow(MemoryFileSystem):  # type: ignore[misc]
    """A store that moves; `refuses` onto what is there, or `loses` the answer."""

    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    refuses = loses = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.removed: list[str] = []

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        if self.refuses and self.exists(path2):
            raise OSError("Failure")
        self.pipe_file(path2, self.cat_file(path1))
        super().rm_file(path1)
        if self.loses:
            raise ConnectionError("no answer")

    def rm_file(self, path: str) -> None:
        self.removed.append(path)
        super().rm_file(path)


def test_a_file_takes_the_place_of_another_in_one_step_where_the_store_can() -> None:
    fs = Slow(skip_instance_cache=True)
    fs.pipe({"/new": b"new", "/old": b"old"})
    remote_files.move(fs, "/new", "/old")

    assert (fs.cat_file("/old"), fs.removed) == (b"new", [])


def test_a_store_that_does_not_move_onto_a_file_has_it_removed_before() -> None:
    fs = Slow(skip_instance_cache=True)
    fs.refuses = True
    fs.pipe({"/new": b"new", "/old": b"old"})
    remote_files.move(fs, "/new", "/old")

    assert (fs.cat_file("/old"), fs.removed) == (b"new", ["/old"])


def test_a_move_whose_answer_was_lost_does_not_cost_the_file() -> None:
    fs = Slow(skip_instance_cache=True)
    fs.loses = True
    fs.pipe({"/new": b"new", "/old": b"old"})
    with pytest.raises(ConnectionError):
        remote_files.move(fs, "/new", "/old")

    assert (fs.cat_file("/old"), fs.removed) == (b"new", [])


# -- names and removal


def test_what_is_not_there_has_no_names(folder: Folder) -> None:
    assert folder.names("nowhere") == []
    assert not folder.exists("nowhere")


def test_hidden_names_are_listed_too(folder: Folder) -> None:
    folder.write(".hidden", b"")
    folder.write("seen", b"")

    assert sorted(name for name in folder.names() if name != HIDDEN) == [".hidden", "seen"]


def test_a_folder_that_holds_only_one_file_is_listed(folder: Folder) -> None:
    folder.write("sub/only", b"x")

    assert folder.names("sub") == ["only"]


def test_files_and_folders_are_removed_and_missing_ones_are_no_error(folder: Folder) -> None:
    folder.write("file", b"x")
    folder.write("sub/inner", b"x")
    folder.remove(["file", "sub", "missing"])

    assert visible(folder) == []


def test_what_interrupted_runs_left_is_cleared(folder: Folder) -> None:
    folder.write(f"{PARTS}/00000.tar.1234", b"half")
    folder.write("00001.tar", b"whole")
    folder.clear_parts()
    folder.clear_parts()

    assert folder.names(PARTS) == []
    assert visible(folder) == ["00001.tar"]


def test_a_folder_survives_pickling(folder: Folder) -> None:
    folder.write("a", b"x")
    copy = pickle.loads(pickle.dumps(Folder(folder.url)))

    assert (copy.url, copy.root, copy.local) == (folder.url, folder.root, folder.local)


@pytest.mark.parametrize("url", ["{}", "{}/", "file://{}"])
def test_local_folders_have_several_spellings(url: str, tmp_path: Path) -> None:
    folder = Folder(url.format(tmp_path))

    assert folder.local
    assert folder.path("a") == f"{tmp_path}/a"


def test_an_unknown_protocol_is_a_value_error() -> None:
    with pytest.raises(ValueError):
        open_url("nonsense://bucket/x")


# -- scratch files


def test_a_scratch_file_has_no_name_and_is_on_the_outputs_disk(disk: Folder) -> None:
    with disk.scratch() as file:
        file.write(b"12345")
        file.seek(1)
        assert file.read(2) == b"23"
        assert disk.names(PARTS) == []
        assert os.fstat(file.fileno()).st_dev == Path(disk.root).stat().st_dev


def test_a_remote_folder_has_scratch_files_here(tmp_path: Path) -> None:
    folder = memory_folder(tmp_path)
    with folder.scratch() as file:
        file.write(b"1")

    assert folder.names() == []


def test_a_folder_is_emptied_though_something_comes_into_it_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = memory_folder(tmp_path)
    folder.write("parts/a", b"1")
    late = [folder.path("parts/late")]
    original = folder.fs.rm_file

    def rm_file(path: str) -> None:
        original(path)
        if late:
            folder.fs.pipe_file(late.pop(), b"2")

    monkeypatch.setattr(folder.fs, "rm_file", rm_file)
    folder.remove(["parts"])

    assert folder.names("parts") == []
    assert not folder.fs.exists(folder.path("parts"))
    assert late == []


# -- blocks


class Noted:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def commit(self) -> None:
        self.calls.append("commit")

    def abort(self) -> None:
        self.calls.append("abort")


def test_a_block_that_succeeds_commits() -> None:
    noted = Noted()
    with whole(noted):
        pass

    assert noted.calls == ["commit"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_block_that_fails_aborts(error: type[BaseException]) -> None:
    noted = Noted()
    with pytest.raises(error), whole(noted):
        raise error

    assert noted.calls == ["abort"]


def test_without_syncfs_everything_is_flushed(
    disk: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())
    monkeypatch.setattr(os, "sync", lambda: asked.append("sync"))
    local_files.sync_disk(Path(disk.root))

    assert asked == ["sync"]


def test_remote_files_go_through_a_hidden_name_where_closing_is_not_atomic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = memory_folder(tmp_path)
    moved: list[tuple[str, str]] = []
    original = folder.fs.mv

    def mv(part: str, final: str) -> None:
        moved.append((part, final))
        original(part, final)

    monkeypatch.setattr(folder.fs, "mv", mv)
    folder.write("a", b"x")

    [(part, final)] = moved
    assert part.startswith(folder.path(PARTS))
    assert final == folder.path("a")
    assert folder.names(PARTS) == []


@pytest.mark.parametrize(("url", "systems"), [("memory://a/out", 3), ("http://127.0.0.1:9/a", 1)])
def test_threads_share_a_file_system_only_if_it_is_made_for_them(url: str, systems: int) -> None:
    folder = Folder(url)
    together = Barrier(2)

    def find() -> object:
        together.wait(10)
        return folder.fs

    with ThreadPoolExecutor(2) as pool:
        found = [folder.fs, *(each.result() for each in [pool.submit(find), pool.submit(find)])]

    assert len({id(each) for each in found}) == systems


def test_what_only_reads_may_do_without_the_guard(tmp_path: Path) -> None:
    folder, asked = Folder(str(tmp_path)), []
    folder.write("a", b"1")
    with folder.guarded(lambda: asked.append(1)):
        with folder.unguarded():
            assert folder.read("a") == b"1"
        assert asked == []
        folder.read("a")
        assert asked == [1]
