"""Indexes of webdataset over the life of a dataset: none is ever missing or of another tar."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import img2dataset
from img2dataset import OptionError, download, verify
from img2dataset.cli.command import main
from img2dataset.dataset.run_lock import acquire_run_lock
from img2dataset.storage.folder import Folder
from tests.chaos.indexes import dali, energon
from tests.e2e.dataset import Dataset
from tests.quick import few_quick
from tests.site import Site

SHARD = 4
SETTINGS: dict[str, Any] = {
    "input_format": "csv", "caption_col": "caption", "output_format": "webdataset",
    "image_size": 24, "number_sample_per_shard": SHARD, "reporters": (),
}  # fmt: skip
FOLDER_FILES = ("sizes.json", "wids.json", ".nv-meta/.info.json", ".nv-meta/split.yaml")


def write_list(path: Path, urls: list[str]) -> Path:
    lines = [f"{url},caption {n}" for n, url in enumerate(urls)]
    path.write_text("\n".join(["url,caption", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Path]]:
    """Makes a dataset with these indexes, once: three shards, of which the second has no image."""
    root = tmp_path_factory.mktemp("made")
    with Site() as site:
        urls = [site.url(f"/exif/{n % 8 + 1}.jpg") for n in range(10)]
        urls[2] = site.url("/html")
        urls[4:8] = [site.url("/status/404", n=n) for n in range(4)]
        write_list(root / "list.csv", urls)

        def make(*kinds: str) -> Path:
            folder = root / "-".join(["made", *kinds])
            if not folder.exists():
                run(root / "list.csv", folder, indexes=list(kinds) or None)
            return folder

        yield make


@pytest.fixture
def dataset(made: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A copy to change."""

    def copy(*kinds: str) -> Path:
        shutil.copy(made(*kinds).parent / "list.csv", tmp_path)
        return Path(shutil.copytree(made(*kinds), tmp_path / "out"))

    return copy


def run(listed: Path, folder: Path, **options: Any) -> img2dataset.Report:
    return download(str(listed), output_folder=str(folder), **{**SETTINGS, **options})


def check_indexes(folder: Path) -> None:
    """Every index is that of the tars as they are, by an implementation of its format."""
    counts = {
        f"{each.name[:5]}.tar": json.loads(each.read_text())["successes"]
        for each in sorted(folder.glob("*_stats.json"))
    }
    filled = {name: count for name, count in counts.items() if count}
    for name in filled:
        tar = folder / name
        assert tar.with_suffix(".idx").read_bytes() == dali(tar)
        assert tar.with_suffix(".tar.idx").read_bytes() == energon(tar)
        assert json.loads(tar.with_suffix(".json").read_text())["filesize"] == tar.stat().st_size
    assert len(list(folder.glob("*.idx"))) == 2 * len(filled)
    assert read(folder, "sizes.json") == counts
    wids = read(folder, "wids.json")["shardlist"]
    assert {each["url"]: each["nsamples"] for each in wids} == filled
    assert read(folder, ".nv-meta/.info.json")["shard_counts"] == filled
    assert all(f"- {name}" in (folder / ".nv-meta/split.yaml").read_text() for name in filled)
    assert verify(str(folder)).whole


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def test_a_run_writes_all_that_is_asked_for(made: Callable[..., Path]) -> None:
    check_indexes(made("all"))


@pytest.mark.slow
def test_without_indexes_there_are_counts_only(made: Callable[..., Path]) -> None:
    names = {path.name for path in made().iterdir()}
    assert not {"wids.json", "00000.idx", "00000.json", ".nv-meta"} & names
    assert read(made(), "sizes.json") == {"00000.tar": 3, "00001.tar": 0, "00002.tar": 2}


def test_the_command_makes_what_a_run_makes_and_the_database(
    dataset: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = dataset("all")
    made = {path: path.read_bytes() for path in list_index_files(folder)}
    assert len(made) == 13
    for path in made:
        path.unlink()

    assert main(["index", str(folder)]) == 0

    assert {path: path.read_bytes() for path in made} == made
    assert capsys.readouterr().out.endswith("7 files beside tars written\n")
    assert set(list_index_files(folder)) - set(made) == {folder / ".nv-meta/index.sqlite"}
    assert img2dataset.index(str(folder)).written == 0
    check_indexes(folder)


def list_index_files(folder: Path) -> list[Path]:
    found = [*folder.glob("*.idx"), *folder.glob("*.json"), *folder.glob(".nv-meta/*")]
    return [path for path in found if "stats" not in path.name and path.name != "croissant.json"]


@pytest.mark.slow
def test_a_dataset_of_which_nothing_is_recorded_is_indexed(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    shutil.rmtree(folder / ".img2dataset")

    done = img2dataset.index(str(folder), indexes=["all"])

    assert (done.shards, done.samples, done.written, done.exit_code) == (3, 5, 7, 0)
    check_indexes(folder)


def test_the_command_goes_on_where_it_was_killed(dataset: Callable[..., Path]) -> None:
    folder = dataset("all")
    for name in ("00002.idx", "00002.tar.idx", "sizes.json", ".nv-meta/.info.json"):
        (folder / name).unlink()
    before = (folder / "00000.idx").stat().st_mtime_ns

    assert img2dataset.index(str(folder)).written == 2

    assert (folder / "00000.idx").stat().st_mtime_ns == before
    check_indexes(folder)


def test_a_damaged_tar_is_named_and_has_no_index(
    dataset: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = dataset()
    tar = folder / "00002.tar"
    tar.write_bytes(tar.read_bytes()[:1000])

    assert main(["index", str(folder), "--indexes=dali,energon,wids"]) == 1

    problem, summary = capsys.readouterr().out.splitlines()  # it does not advise itself
    assert problem.startswith("00002: tar: cut short")
    assert "of 2 shards with 3 samples" in summary
    assert summary.endswith("; 1 shard damaged")
    assert not list(folder.glob("00002*idx"))
    assert read(folder, "sizes.json") == {"00000.tar": 3, "00001.tar": 0}
    assert [each["url"] for each in read(folder, "wids.json")["shardlist"]] == ["00000.tar"]
    assert (folder / "00000.idx").read_bytes() == dali(folder / "00000.tar")
    assert not (folder / ".nv-meta/.info.json").exists()


@pytest.mark.slow
def test_indexes_that_are_asked_for_later_are_made_for_new_shards_and_named_for_old_ones(
    dataset: Callable[..., Path], fresh_site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = dataset()
    more = write_list(
        folder.parent / "more.csv", [fresh_site.url(f"/image/{n}.jpg") for n in (1, 2)]
    )

    run(more, folder, incremental_mode="extend", indexes=["energon", "dali"], reporters=None)

    said = capsys.readouterr().err
    assert "2 shards (00000, 00002) have no index files for dali, energon: img2dataset" in said
    assert (folder / "00003.idx").read_bytes() == dali(folder / "00003.tar")
    assert read(folder, "sizes.json")["00003.tar"] == 2
    assert not (folder / ".nv-meta/.info.json").exists(), "it would leave out samples"
    assert verify(str(folder)).wrong_indexes == tuple(
        f"{name} is missing"
        for name in ("00000.idx", "00000.tar.idx", "00002.idx", "00002.tar.idx")
    )
    img2dataset.index(str(folder), indexes=["all"])
    check_indexes(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [["all"], []])
def test_later_runs_keep_the_indexes_that_a_dataset_has(
    dataset: Callable[..., Path], fresh_site: Site, kinds: list[str]
) -> None:
    folder = dataset("all")
    img2dataset.index(str(folder))
    more = write_list(folder.parent / "more.csv", [fresh_site.url("/image/1.jpg")])

    run(more, folder, incremental_mode="extend", indexes=None if kinds else [])

    assert not (folder / ".nv-meta/index.sqlite").exists(), "it lacks the new shard"
    if kinds:
        check_indexes(folder)
        return
    assert not (folder / "00003.idx").exists()
    assert not (folder / "wids.json").exists()
    assert not (folder / ".nv-meta/.info.json").exists()
    assert (folder / "00000.idx").read_bytes() == dali(folder / "00000.tar")
    assert verify(str(folder)).whole


@pytest.mark.slow
def test_a_retry_replaces_the_indexes_with_the_tars(fresh_site: Site, tmp_path: Path) -> None:
    token = uuid.uuid4().hex
    urls = [fresh_site.url("/flaky", fail=1, how="503", token=f"{token}{n}") for n in range(5)]
    urls[1] = fresh_site.url("/image/1.jpg")
    listed = write_list(tmp_path / "list.csv", urls)
    out = tmp_path / "out"
    run(listed, out, indexes=["all"])
    assert read(out, "sizes.json") == {"00000.tar": 1, "00001.tar": 0}

    report = run(listed, out, incremental_mode="retry")

    assert report.retry is not None
    assert report.retry.recovered == 4
    assert read(out, "sizes.json") == {"00000.tar": 4, "00001.tar": 1}
    check_indexes(out)


@pytest.mark.slow
def test_a_retry_replaces_index_files_that_another_program_made(
    fresh_site: Site, tmp_path: Path
) -> None:
    token = uuid.uuid4().hex
    urls = [fresh_site.url("/image/1.jpg")]
    urls.append(fresh_site.url("/flaky", fail=1, how="503", token=token))
    listed = write_list(tmp_path / "list.csv", urls)
    out = tmp_path / "out"
    run(listed, out)
    (out / "00000.idx").write_bytes(dali(out / "00000.tar"))

    run(listed, out, incremental_mode="retry")

    assert (out / "00000.idx").read_bytes() == dali(out / "00000.tar")
    assert read(out, "sizes.json") == {"00000.tar": 2}


def change(name: str, data: bytes | None) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        if data is not None:
            (folder / name).write_bytes(data)

    return damage


def of_another_tar(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        shutil.copy(folder / name.replace("00002", "00000"), folder / name)

    return damage


DAMAGES: dict[str, list[Callable[[Path], None]]] = {
    "00002.idx": [change("00002.idx", None), of_another_tar("00002.idx")],
    "00002.tar.idx": [change("00002.tar.idx", b""), of_another_tar("00002.tar.idx")],
    "00002.json": [change("00002.json", None), of_another_tar("00002.json")],
    "sizes.json": [change("sizes.json", None), change("sizes.json", b'{"00000.tar": 3}')],
    "wids.json": [change("wids.json", None), change("wids.json", b"[]")],
    ".nv-meta/.info.json": [change(".nv-meta/.info.json", b'{"shard_counts": {}}')],
    ".nv-meta/index.sqlite": [change(".nv-meta/index.sqlite", b"no database")],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", few_quick([(name, each) for name, several in DAMAGES.items() for each in several], 6)
)
def test_verify_names_a_wrong_index_and_repairs_it(
    dataset: Callable[..., Path], case: tuple[str, Callable[[Path], None]]
) -> None:
    name, damage = case
    folder = dataset("all")
    img2dataset.index(str(folder))
    damage(folder)

    found = verify(str(folder))

    assert name in {text.partition(" ")[0] for text in found.wrong_indexes}
    assert (found.whole, found.broken) == (False, ())
    assert not verify(str(folder), repair=True).whole
    check_indexes(folder)
    assert verify(str(folder)).shards == 3


@pytest.mark.slow
def test_a_repair_that_removes_a_shard_leaves_no_index_of_it(dataset: Callable[..., Path]) -> None:
    folder = dataset("all")
    (folder / "00002.tar").write_bytes(b"")

    found = verify(str(folder), repair=True)

    assert [each.name for each in found.broken] == ["00002"]
    assert not list(folder.glob("00002*"))
    check_indexes(folder)
    run(folder.parent / "list.csv", folder)
    check_indexes(folder)


@pytest.mark.slow
def test_what_a_person_wrote_into_the_yaml_of_energon_stays(
    dataset: Callable[..., Path], fresh_site: Site
) -> None:
    folder = dataset("all")
    mine = (folder / ".nv-meta/split.yaml").read_text().replace("val: []", "val: [00002.tar]")
    (folder / ".nv-meta/split.yaml").write_text(mine)
    more = write_list(folder.parent / "more.csv", [fresh_site.url("/image/1.jpg")])

    run(more, folder, incremental_mode="extend")

    assert (folder / ".nv-meta/split.yaml").read_text() == mine
    assert "00003.tar" in read(folder, ".nv-meta/.info.json")["shard_counts"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"indexes": ["webshrat"]}, r"indexes is \['webshrat'\]: .* did you mean webshart\?"),
        ({"indexes": ["dali"], "output_format": "parquet"}, "output_format parquet has none"),
        ({"indexes": "dali"}, "a list of texts"),
    ],
)
def test_what_cannot_be_indexed_is_refused(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        run(tmp_path / "list.csv", tmp_path / "out", **options)


@pytest.mark.slow
def test_the_command_refuses_what_it_cannot_do(
    dataset: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = dataset()
    for words, said in {
        (str(tmp_path / "nowhere"),): "nothing to index",
        (str(folder), "--indexes=dail"): "did you mean dali?",
        (str(folder), str(folder)): "index takes a folder, not ",
        (str(folder), "--deep"): "unknown option --deep",
        (str(folder / "sizes.json"),): "index takes the folder of a dataset",
    }.items():
        assert main(["index", *words]) == 2
        assert said in capsys.readouterr().err
    assert main(["index", "--help"]) == 0
    with acquire_run_lock(Folder(str(folder)), print):
        assert main(["index", str(folder)]) == 2
    assert "a run is writing there" in capsys.readouterr().err


@pytest.mark.slow
def test_lists_in_the_same_folder_are_neither_indexes_nor_lost(
    fresh_site: Site, tmp_path: Path
) -> None:
    """00007.json may be a list; an index is never taken for one."""
    urls = [{"url": fresh_site.url("/image/1.jpg")}]
    (tmp_path / "2024.json").write_text(json.dumps(urls))
    options = {"input_format": "json", "caption_col": None}
    for _ in range(2):
        run(tmp_path / "*.json", tmp_path, indexes=["all"], **options)

    assert Dataset(tmp_path).table.num_rows == 1
    assert json.loads((tmp_path / "2024.json").read_text()) == urls
    assert verify(str(tmp_path), repair=True).whole
    assert (tmp_path / "2024.json").exists()
