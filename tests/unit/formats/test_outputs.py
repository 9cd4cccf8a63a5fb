"""Several files of one shard: all, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from img2dataset.formats.outputs import Outputs
from img2dataset.storage.folder import Folder


class Stuck:
    """Something that can be neither committed nor aborted."""

    def commit(self) -> None:
        raise OSError("no commit")

    def abort(self) -> None:
        raise OSError("no abort")


def test_files_and_folders_appear_together(tmp_path: Path) -> None:
    outputs = Outputs(Folder(str(tmp_path)))
    outputs.file("a").file.write(b"1")
    outputs.folder("b").write("c", b"2")
    assert not (tmp_path / "a").exists()
    outputs.commit()

    assert (tmp_path / "a").read_bytes() == b"1"
    assert (tmp_path / "b" / "c").read_bytes() == b"2"


def test_one_that_cannot_be_aborted_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(str(tmp_path))
    outputs = Outputs(folder)
    outputs.file("a")
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "begin", lambda *_: Stuck())
        outputs.file("b")
    outputs.file("c")
    with pytest.raises(OSError, match="no commit"):
        outputs.commit()
    with pytest.raises(OSError, match="no abort"):
        outputs.abort()

    assert folder.names(".img2dataset/parts") == []
    assert not (tmp_path / "a").exists()


def test_a_name_that_was_there_before_stays_when_nothing_was_committed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    outputs = Outputs(Folder(str(tmp_path)))
    outputs.file("a").file.write(b"new")
    outputs.abort()

    assert (tmp_path / "a").read_bytes() == b"old"
