"""What is left to do in an output folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest

from img2dataset.dataset.identity import Identity, load_sections
from img2dataset.dataset.plan import Comparison, Plan, find_done, prepare, record
from img2dataset.dataset.touched import describe_touched, format_ranges
from img2dataset.errors import OptionError, RunError
from img2dataset.options import Options, shaping_options
from img2dataset.storage.folder import Folder
from tests.quick import few_quick

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
    assert not any((tmp_path / ".img2dataset").glob("parts*"))


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


def test_the_shards_of_a_list_are_told_from_those_of_other_lists_and_parts(tmp_path: Path) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000", "00003", "00004")
    other = Identity([], {"image_size": 1})
    plan(tmp_path, "extend", other)
    finish(tmp_path, "00005", "00006")

    assert plan(tmp_path).find_own_done((0, 1)) == {0, 3, 4}
    assert plan(tmp_path).find_own_done((1, 2)) == {3}
    assert plan(tmp_path, "incremental", other).find_own_done((0, 1)) == {5, 6}


def test_a_folder_of_the_old_tool_is_taken_on_with_a_word(tmp_path: Path) -> None:
    finish(tmp_path, "00000")

    resumed = plan(tmp_path)

    assert resumed.done == {0}
    assert "1 shard of an older version" in resumed.notices[0]


def test_an_option_that_is_newer_than_the_folder_had_its_default(tmp_path: Path) -> None:
    older = {**identity().options}
    del older["convert_to_srgb"], older["max_image_area"]
    plan(tmp_path, identity=Identity(IDENTITY.inputs, older))
    finish(tmp_path, "00000")

    assert plan(tmp_path, identity=identity()).done == {0}
    with pytest.raises(OptionError, match=r"convert_to_srgb \(was False, is True\)"):
        plan(tmp_path, identity=identity(convert_to_srgb=True))


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
    assert find_done(names) == {0, 12}


# -- which settings may change

OTHER_VALUES: dict[str, Any] = {
    "image_size": 128, "output_folder": "elsewhere", "processes_count": 3,
    "resize_mode": "no", "resize_only_if_bigger": True, "upscale_interpolation": "nearest",
    "downscale_interpolation": "linear", "encode_quality": 80, "encode_format": "webp",
    "skip_reencode": True, "output_format": "webdataset", "input_format": "csv",
    "url_col": "u", "caption_col": "c", "bbox_col": "b", "thread_count": 7,
    "number_sample_per_shard": 5, "extract_exif": False, "save_additional_columns": ["x"],
    "timeout": 3, "enable_wandb": True, "wandb_project": "p", "oom_shard_count": 6,
    "compute_hash": "md5", "verify_hash": ["h", "sha256"], "distributor": "ray",
    "subjob_size": 2, "retries": 4, "disable_all_reencoding": True, "min_image_size": 9,
    "max_image_area": 1e6, "max_aspect_ratio": 3.0, "incremental_mode": "retry",
    "max_shard_retry": 0, "user_agent_token": "t", "disallowed_header_directives": [],
    "ignore_ssl_certificate": True, "max_image_bytes": 1000, "max_decoded_pixels": 1000,
    "apply_exif_orientation": False, "user_agent": "me", "max_connections_per_host": 2,
    "min_delay_per_host": 1.0, "robots_txt": "respect", "respect_tdm_reservation": False,
    "private_addresses": "deny", "dns_servers": ["127.0.0.1"], "max_decode_seconds": 7, "max_storage_wait": 3, "part": "0/2", "save_fetch_metadata": True,
    "user_agent_contact": "me@a.org",
    "accept_changed_list": True, "indexes": ["dali"], "parquet_layout": "hf",
    "mds_compression": "zstd", "url_schemes": ["file"],
    "columns": ["url", "text"], "delimiter": "tab", "quoting": "none",
    "rename_columns": ["width=list_width"], "url_template": "https://a.org/{id}",
    "where": "id > 3", "deduplicate": "url", "duplicate_captions": "all",
    "shuffle": 3, "dashboard": True, "progress": "lines", "log_format": "json",
    "metrics_address": "127.0.0.2", "metrics_port": 9100, "limit": 5,
}  # fmt: skip
NEEDED: dict[str, dict[str, Any]] = {
    **{
        name: {"input_format": "csv"}
        for name in ("columns", "delimiter", "quoting", "rename_columns", "url_template", "where")
    },
    "duplicate_captions": {"input_format": "csv", "deduplicate": "url", "caption_col": "text"},
    "parquet_layout": {"output_format": "parquet"},
    "metrics_address": {"metrics_port": 9100},
    "mds_compression": {"output_format": "mds"},
}
"""Option -> what must be given with it."""
FREE = {
    "output_folder", "processes_count", "thread_count", "timeout", "enable_wandb",
    "wandb_project", "distributor", "subjob_size", "retries", "incremental_mode",
    "max_shard_retry", "user_agent_token", "disallowed_header_directives",
    "ignore_ssl_certificate", "max_image_bytes", "max_decoded_pixels", "user_agent",
    "max_connections_per_host", "min_delay_per_host", "robots_txt",
    "respect_tdm_reservation", "private_addresses", "dns_servers", "max_decode_seconds", "max_storage_wait", "part",
    "user_agent_contact", "respect_content_usage",
    "accept_changed_list", "indexes", "url_schemes",
    "dashboard", "progress", "log_format", "metrics_address", "metrics_port",
}  # fmt: skip
"""How images are fetched, not what is stored of them."""


def other_value(declared: Field[Any]) -> Any:
    """Of a new option, something of its type."""
    if declared.name in OTHER_VALUES:
        return OTHER_VALUES[declared.name]
    default: Any = declared.default
    return not default if declared.type == "bool" else (default or 0) + 1


def identity(**changes: Any) -> Identity:
    return Identity(IDENTITY.inputs, shaping_options(Options(url_list=None, **changes)))


@pytest.mark.parametrize(
    "name", few_quick(each.name for each in fields(Options) if each.name != "url_list")
)
def test_every_option_is_free_to_change_or_refused_by_its_name(tmp_path: Path, name: str) -> None:
    needed = NEEDED.get(name, {})
    plan(tmp_path, identity=identity(**needed))
    finish(tmp_path, "00000")
    declared = next(each for each in fields(Options) if each.name == name)
    other = identity(**needed, **{name: other_value(declared)})

    # those that are listed are; of options that are newer than the list, their declaration says it
    if name in FREE or (name not in OTHER_VALUES and not declared.metadata["shapes_output"]):
        assert plan(tmp_path, identity=other).done == {0}
        return
    with pytest.raises(OptionError) as caught:
        plan(tmp_path, identity=other)
    said = str(caught.value)
    assert f"{name} (was " in said
    assert all(word in said for word in ("extend", "overwrite", "another folder"))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"upscale_interpolation": "LANCZOS"}, {"upscale_interpolation": "lanczos"}),
        ({"save_additional_columns": []}, {"save_additional_columns": None}),
        ({"save_additional_columns": ["a"]}, {"save_additional_columns": ("a",)}),
        ({"max_image_area": 100}, {"max_image_area": 100.0}),
    ],
)
def test_values_that_mean_the_same_are_the_same(
    tmp_path: Path, before: dict[str, Any], now: dict[str, Any]
) -> None:
    plan(tmp_path, identity=identity(**before))
    finish(tmp_path, "00000")

    assert plan(tmp_path, identity=identity(**now)).done == {0}


def listed(*files: tuple[str, int, str]) -> Identity:
    inputs = [{"url": url, "size": size, "fingerprint": mark} for url, size, mark in files]
    return Identity(inputs, IDENTITY.options)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (listed(("/a.txt", 10, "x")), "b.txt is gone"),
        (listed(("/a.txt", 10, "x"), ("/b.txt", 9, "y"), ("/c.txt", 1, "z")), "c.txt is new"),
        (listed(("/a.txt", 10, "x"), ("/b.txt", 8, "q")), "it was 9 bytes, it is 8"),
        (listed(("/b.txt", 9, "y"), ("/a.txt", 10, "x")), "another order"),
    ],
)
def test_what_changed_in_the_list_is_said(tmp_path: Path, now: Identity, said: str) -> None:
    plan(tmp_path, identity=listed(("/a.txt", 10, "x"), ("/b.txt", 9, "y")))
    finish(tmp_path, "00000")

    with pytest.raises(OptionError, match="url_list") as caught:
        plan(tmp_path, identity=now)
    assert said in str(caught.value)


def test_a_list_may_be_moved(tmp_path: Path) -> None:
    plan(tmp_path, identity=listed(("/a.txt", 10, "x")))
    finish(tmp_path, "00000")

    assert plan(tmp_path, identity=listed(("s3://elsewhere/a.txt", 10, "x"))).done == {0}


def test_overwriting_does_not_bring_back_what_was_being_replaced(tmp_path: Path) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000")
    waiting = tmp_path / ".img2dataset" / "replacing" / "00000"
    waiting.mkdir(parents=True)
    (waiting / "00000.tar").touch()
    (waiting.parent / "00000.whole").write_text("00000_stats.json")

    plan(tmp_path, "overwrite")

    assert visible(tmp_path) == set()


@pytest.mark.parametrize("mode", ["incremental", "extend", "retry"])
def test_a_replacement_that_was_interrupted_is_finished_by_every_run(
    tmp_path: Path, mode: str
) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000")
    replacing = tmp_path / ".img2dataset" / "replacing"
    (replacing / "00000").mkdir(parents=True)
    (replacing / "00000" / "00000.tar").write_text("new")
    (replacing / "00000.whole").write_text("00000_stats.json")
    (replacing / "00001").mkdir()  # not whole

    plan(tmp_path, mode)

    assert (tmp_path / "00000.tar").read_text() == "new"
    assert not replacing.exists()


def replacing(folder: Path, name: str) -> None:
    """Killed where a store removes before it moves: the stats are away."""
    waiting = folder / ".img2dataset" / "replacing" / name
    waiting.mkdir(parents=True)
    (folder / f"{name}_stats.json").rename(waiting / f"{name}_stats.json")
    (waiting.parent / f"{name}.whole").write_text(f"{name}_stats.json")


def test_a_part_finishes_replacements_of_its_own_shards_and_of_no_others(tmp_path: Path) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000", "00001", "00002", "00003")
    for name in ("00001", "00002", "00003"):
        replacing(tmp_path, name)

    planned = prepare(Folder(str(tmp_path)), "incremental", IDENTITY, stored_names, (1, 2))

    assert planned.done == {0, 1, 3}, "2 is another part's"
    assert {"00001.tar", "00003.tar", "00001_stats.json", "00002.tar"} <= visible(tmp_path)
    left = {path.name for path in (tmp_path / ".img2dataset" / "replacing").iterdir()}
    assert left == {"00002", "00002.whole"}
    assert plan(tmp_path).done == {0, 1, 2, 3}


def test_what_a_dataset_is_made_from_is_written_down_only_when_it_changes(tmp_path: Path) -> None:
    plan(tmp_path)
    finish(tmp_path, "00000")
    path = tmp_path / ".img2dataset" / "identity"
    before = path.stat()

    plan(tmp_path)
    assert path.stat().st_ino == before.st_ino

    plan(tmp_path, "extend", Identity([], {}))
    assert path.stat().st_ino != before.st_ino


def test_a_retry_of_an_old_dataset_leaves_it_to_the_caller_to_write_down_what_it_is_made_from(
    tmp_path: Path,
) -> None:
    finish(tmp_path, "00000")
    folder = Folder(str(tmp_path))

    planned = plan(tmp_path, "retry")
    assert planned.notices
    assert load_sections(folder) == []

    record(folder, planned)
    with pytest.raises(OptionError, match="url_list"):
        plan(tmp_path, "retry", Identity([], IDENTITY.options))
    record(folder, plan(tmp_path, "retry"))
    assert len(load_sections(folder)) == 1


# -- a list that has changed, and what of it is stored

BEFORE = listed(("/a.txt", 10, "x"), ("/b.txt", 9, "y"))
NOW = listed(("/a.txt", 10, "x"), ("/b.txt", 8, "q"))


def name_of(shard_id: int) -> str:
    return f"{shard_id:05}"


def changed(
    folder: Path, touched: Mapping[int, str], identity: Identity = NOW, *,
    accepted: bool = False, mode: str = "incremental", part_of: tuple[int, int] = (0, 1),
) -> Plan:  # fmt: skip
    """Plan with a list of which the shards of `touched` are not made."""
    comparison = Comparison(lambda *_: touched, name_of, accepted=accepted)
    place = Folder(str(folder))
    return prepare(place, mode, identity, stored_names, part_of, comparison=comparison)


@pytest.fixture
def four_done(tmp_path: Path) -> Path:
    plan(tmp_path, identity=BEFORE)
    finish(tmp_path, "00000", "00001", "00002", "00003")
    return tmp_path


@pytest.mark.parametrize("mode", ["incremental", "retry"])
def test_a_changed_list_that_touches_nothing_done_is_taken_and_said(
    four_done: Path, mode: str
) -> None:
    resumed = changed(four_done, {}, mode=mode)

    assert resumed.first_id == 0
    assert resumed.done == {0, 1, 2, 3}
    assert "b.txt has other content" in resumed.notices[0]
    assert "no shard that is done is touched" in resumed.notices[0]
    assert plan(four_done, identity=NOW).notices == (), "it is the list from now on"


def test_a_changed_list_that_touches_shards_is_refused_and_names_them(four_done: Path) -> None:
    with pytest.raises(OptionError, match="accept_changed_list=True") as caught:
        changed(four_done, {1: "/lists/b.txt", 2: "/lists/b.txt", 3: ""})

    said = str(caught.value)
    assert "3 shards: 00001 to 00002 (b.txt); 00003 (no longer in the list)" in said
    assert "\n" not in said
    assert plan(four_done, identity=BEFORE).done == {0, 1, 2, 3}, "nothing is changed by that"


def test_what_is_touched_is_removed_where_that_is_accepted_and_nothing_else(
    four_done: Path,
) -> None:
    resumed = changed(four_done, {1: "/b.txt", 3: ""}, accepted=True)

    assert resumed.done == {0, 2}
    assert "2 shards: 00001 (b.txt); 00003 (no longer in the list)" in resumed.notices[0]
    assert visible(four_done) == {
        f"0000{n}{end}" for n in (0, 2) for end in (".tar", ".parquet", "_stats.json")
    }
    assert plan(four_done, identity=NOW).done == {0, 2}


@pytest.mark.parametrize("dies_at", range(1, 8))
def test_a_run_that_dies_while_it_removes_them_leaves_no_shard_of_two_lists(
    four_done: Path, dies_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    plain = Folder.do

    def dying(folder: Folder, step: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps >= dies_at:
            raise KeyboardInterrupt
        return plain(folder, step)

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr(Folder, "do", dying)
        changed(four_done, {1: "/b.txt", 3: ""}, accepted=True)
    left = find_done([path.name for path in four_done.iterdir()])
    touched = dict.fromkeys(left & {1, 3}, "/b.txt")
    (section,) = load_sections(Folder(str(four_done)))

    assert not touched or section.identity.inputs == BEFORE.inputs
    assert changed(four_done, touched, accepted=True).done == {0, 2}
    assert visible(four_done) == {
        f"0000{n}{end}" for n in (0, 2) for end in (".tar", ".parquet", "_stats.json")
    }


@pytest.mark.parametrize("accepted", [False, True])
def test_other_options_are_refused_with_any_list(four_done: Path, *, accepted: bool) -> None:
    other = Identity(NOW.inputs, {**NOW.options, "image_size": 1})

    with pytest.raises(OptionError, match=r"url_list \(b.txt.*image_size"):
        changed(four_done, {}, other, accepted=accepted)


def test_a_part_takes_a_changed_list_only_if_told_so_and_removes_nothing(tmp_path: Path) -> None:
    prepare(Folder(str(tmp_path)), "incremental", BEFORE, stored_names, (0, 2))
    finish(tmp_path, "00000", "00001")

    with pytest.raises(OptionError, match="no part runs that has seen the list as it was"):
        changed(tmp_path, {}, part_of=(1, 2))
    with pytest.raises(OptionError, match=r"touches 1 shard: 00000 .*run once without part"):
        changed(tmp_path, {0: "/b.txt"}, part_of=(1, 2), accepted=True)
    assert changed(tmp_path, {}, part_of=(1, 2), accepted=True).done == {0, 1}
    # the other part has the new list, too
    assert prepare(Folder(str(tmp_path)), "incremental", NOW, stored_names, (0, 2)).done == {0, 1}


def test_of_several_lists_only_the_last_may_change(four_done: Path) -> None:
    other = listed(("/c.txt", 1, "c"), ("/d.txt", 1, "d"))
    plan(four_done, "extend", other)
    finish(four_done, "00004")

    with pytest.raises(OptionError, match="made with other settings"):
        changed(four_done, {4: "/a.txt"}, NOW, accepted=True)
    grown = listed(("/c.txt", 1, "c"), ("/d.txt", 9, "D"))
    assert changed(four_done, {}, grown).first_id == 4
    assert plan(four_done, identity=BEFORE).first_id == 0, "the first list is as it was"


def test_a_dataset_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """As written by 2.0.0: `differences` must not change what it means."""
    (tmp_path / ".img2dataset").mkdir()
    (tmp_path / ".img2dataset" / "identity").write_text(
        json.dumps(
            {
                "parts": [
                    {
                        "first_id": 0,
                        "identity": {
                            "inputs": [{"url": "/old/a.txt", "size": 10, "fingerprint": "x"}],
                            "options": {"image_size": 256, "max_image_area": "Infinity"},
                        },
                    }
                ]
            }
        )
    )
    finish(tmp_path, "00000")
    options = {"image_size": 256, "max_image_area": float("inf")}
    same = Identity(listed(("/new/a.txt", 10, "x")).inputs, options)

    assert plan(tmp_path, identity=same).done == {0}
    more = Identity(listed(("/a.txt", 10, "x"), ("/b.txt", 1, "b")).inputs, options)
    assert changed(tmp_path, {}, more).done == {0}


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([1], "00001"),
        ([1, 2, 3, 7, 9, 10], "00001 to 00003, 00007, 00009 to 00010"),
        (range(0, 20, 2), "00000, 00002, 00004, 00006, 00008 and 5 more ranges"),
    ],
)
def test_shards_are_named_in_ranges(ids: Sequence[int], text: str) -> None:
    assert format_ranges(ids, name_of) == text


def test_many_files_are_not_all_named() -> None:
    touched = {number: f"/{number}.txt" for number in range(8)}

    assert describe_touched(touched, name_of).endswith("00004 (4.txt) and shards of 3 more files")
