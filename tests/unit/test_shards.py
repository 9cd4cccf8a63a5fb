"""What is left to do in an output folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from img2dataset.errors import OptionError, RunError
from img2dataset.shards import Identity, Plan, done_shards, prepare
from img2dataset.storage import Folder

IDENTITY = Identity(
    inputs=[{"url": "/list.txt", "size": 10, "fingerprint": "aa"}],
    options={"image_size": 256, "max_image_area": float("inf"), "columns": ("a", "b")},
)


def stored_names(name: str) -> tuple[str, ...]:
    return (f"{name}.tar", f"{name}.parquet")


def plan(folder: Path, mode: str = "incremental", identity: Identity = IDENTITY) -> Plan:
    return prepare(Folder(str(folder)), mode, identity, stored_names)


def finish(folder: Path, *names: str) -> None:
    for name in names:
        (folder / f"{name}.tar").touch()
        (folder / f"{name}.parquet").touch()
        (folder / f"{name}_stats.json").touch()


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_a_new_folder_is_made_and_everything_is_left_to_do(tmp_path: Path) -> None:
    assert plan(tmp_path / "a" / "b") == Plan(0, frozenset())
    assert visible(tmp_path / "a" / "b") == set()


def test_shards_with_a_stats_file_are_done(tmp_path: Path) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000", "00002")

    assert plan(tmp_path) == Plan(0, frozenset({0, 2}))


def test_what_an_interrupted_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000")
    (tmp_path / "00001.tar").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "00001.csv").touch()
    (tmp_path / ".img2dataset" / "parts").mkdir(exist_ok=True)
    (tmp_path / ".img2dataset" / "parts" / "00001.parquet.abcd").touch()

    plan(tmp_path)

    assert visible(tmp_path) == {
        "00000.tar", "00000.parquet", "00000_stats.json", "notes.txt", "00001.csv",
    }  # fmt: skip
    assert list((tmp_path / ".img2dataset" / "parts").iterdir()) == []


def test_files_of_others_that_look_like_shards_stay_in_a_folder_that_is_not_ours(
    tmp_path: Path,
) -> None:
    (tmp_path / "00000.parquet").write_text("the user's list")

    plan(tmp_path)

    assert visible(tmp_path) == {"00000.parquet"}


def test_the_list_itself_is_never_a_leftover(tmp_path: Path) -> None:
    mine = tmp_path / "00007.parquet"
    mine.touch()
    identity = Identity([{"url": str(mine), "size": 0, "fingerprint": ""}], {})
    plan(tmp_path, identity=identity)
    finish(tmp_path, "00000")

    plan(tmp_path, identity=identity)

    assert mine.exists()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (Identity(IDENTITY.inputs, {**IDENTITY.options, "image_size": 512}), "image_size"),
        (Identity([], IDENTITY.options), "url_list"),
    ],
)
def test_another_list_or_another_setting_is_refused_and_named(
    tmp_path: Path, changed: Identity, named: str
) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000")

    with pytest.raises(OptionError, match=named):
        plan(tmp_path, identity=changed)
    assert "00000.tar" in visible(tmp_path)


def test_settings_may_change_as_long_as_no_shard_is_done(tmp_path: Path) -> None:
    plan(tmp_path)

    assert plan(tmp_path, identity=Identity([], {})) == Plan(0, frozenset())


def test_overwrite_empties_the_folder(tmp_path: Path) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000")
    (tmp_path / "sub").mkdir()

    assert plan(tmp_path, "overwrite", Identity([], {})) == Plan(0, frozenset())
    assert visible(tmp_path) == set()


def test_extend_numbers_on_after_the_highest_shard(tmp_path: Path) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000", "00004")
    other = Identity([], {"image_size": 1})

    assert plan(tmp_path, "extend", other).first_id == 5
    finish(tmp_path, "00005")
    # the same command in the default mode goes on with that part, or with the first
    assert plan(tmp_path, "incremental", other).first_id == 5
    assert plan(tmp_path, "incremental", IDENTITY).first_id == 0


def test_a_folder_of_the_old_tool_is_taken_on_with_a_word(tmp_path: Path) -> None:
    finish(tmp_path, "00000")

    resumed = plan(tmp_path)

    assert resumed.done == {0}
    assert "1 shards" in resumed.notices[0]


def test_a_damaged_identity_is_said_and_not_guessed(tmp_path: Path) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000")
    (tmp_path / ".img2dataset" / "identity").write_text(json.dumps({"parts": 3}))

    with pytest.raises(RunError, match="damaged"):
        plan(tmp_path)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OptionError, match=r"output_folder is .*cannot be written") as caught:
        plan(tmp_path / "file" / "out")
    assert "\n" not in str(caught.value)


def test_done_shards_are_known_by_their_stats() -> None:
    names = ["00000_stats.json", "00000.tar", "x_stats.json", "00012_stats.json", "00003.json"]
    assert done_shards(names) == {0, 12}
