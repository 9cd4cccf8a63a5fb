"""A list and a dataset in one folder."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.dataset.identity import Identity
from img2dataset.dataset.plan import prepare
from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.run.own_shards import check_apart, make_own_file_check
from img2dataset.sources import Source, SourceConfig, open_source
from img2dataset.storage.folder import Folder


def options(folder: str, **more: object) -> Options:
    return Options("x", output_folder=folder, **more)  # type: ignore[arg-type]


def listed(location: str, input_format: str, folder: Folder) -> Source:
    ours = make_own_file_check(folder, options(folder.url))
    return open_source(location, SourceConfig(input_format, "url"), ours)


def names(source: Source) -> list[str]:
    return [file.url.rpartition("/")[2] for file in source.files]


def finish(folder: Folder, *, stats: str = "00000_stats.json") -> None:
    """Leave a dataset as runs of other formats would, one shard of it interrupted."""
    prepare(folder, "incremental", Identity([], {}), lambda name: (f"{name}.parquet",))
    fs, root = folder.fs, folder.root
    for name in (stats, "00000/000000001.json", "00000.json.d/x", "00000.parquet", "00001.parquet"):
        path = f"{root}/{name}"
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        with fs.open(path, "wb") as file:
            file.write(b'{"count": 1}')


@pytest.mark.parametrize("store", ["disk", "memory"])
@pytest.mark.parametrize("pattern", ["", "/*.jsonl", "/**/*.jsonl"])
def test_the_shards_of_the_dataset_are_no_part_of_a_list_beside_it(
    tmp_path: Path, store: str, pattern: str
) -> None:
    place = str(tmp_path) if store == "disk" else f"memory://apart{tmp_path.name}"
    folder = Folder(place)
    folder.make()
    for name in ("part-0.jsonl", "2019.jsonl"):
        with folder.fs.open(f"{folder.root}/{name}", "wb") as file:
            file.write(b'{"url": "http://a"}\n')
    with fsspec.open(f"{place}/00000_stats.json", "wb") as file:
        file.write(b"{}")
    with fsspec.open(f"{place}/00000.parquet", "wb") as file:
        file.write(b"PAR1")

    assert names(listed(f"{place}{pattern}", "jsonl", folder)) == ["2019.jsonl", "part-0.jsonl"]


@pytest.mark.parametrize("pattern", ["", "/*.json", "/**/*.json"])
def test_neither_are_its_stats_and_samples(tmp_path: Path, pattern: str) -> None:
    folder = Folder(str(tmp_path))
    (tmp_path / "a.json").write_text('[{"url": "http://a"}]')
    finish(folder)

    assert names(listed(f"{tmp_path}{pattern}", "json", folder)) == ["a.json"]


def test_a_dataset_further_down_is_left_out_too_but_a_strange_one_is_a_list(tmp_path: Path) -> None:
    mine, other = Folder(str(tmp_path / "mine")), Folder(str(tmp_path / "other"))
    for folder in (mine, other):
        finish(folder)
        (tmp_path / folder.url / "00000_stats.json").write_text('[{"url": "http://a"}]')
    (tmp_path / "other" / "00000" / "000000001.json").write_text('[{"url": "http://a"}]')

    found = listed(f"{tmp_path}/**/*.json", "json", mine).files

    assert {Path(file.url).relative_to(tmp_path).parts[0] for file in found} == {"other"}


def test_a_folder_with_shards_only_says_so(tmp_path: Path) -> None:
    finish(Folder(str(tmp_path)))

    with pytest.raises(OptionError, match=r"00000\.parquet.* are shards of the dataset"):
        listed(str(tmp_path), "parquet", Folder(str(tmp_path)))


def test_a_link_to_the_folder_of_the_list_does_not_hide_that_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.json").write_text('[{"url": "http://a"}]')
    (tmp_path / "out").symlink_to("lists")
    folder = Folder(str(tmp_path / "out"))
    finish(folder)

    source = listed(str(tmp_path / "lists"), "json", folder)

    assert names(source) == ["a.json"]
    with pytest.raises(OptionError, match="overwrite"):
        check_apart(source, folder, options(folder.url, incremental_mode="overwrite"))


@pytest.mark.parametrize("list_is", ["in it", "deep in it", "a link into it", "linked from it"])
def test_overwrite_never_empties_a_folder_that_has_the_list(tmp_path: Path, list_is: str) -> None:
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere.txt"
    path = {
        "in it": out / "a.txt", "deep in it": out / "deep" / "a.txt",
        "a link into it": elsewhere, "linked from it": out / "a.txt",
    }[list_is]  # fmt: skip
    target = {"a link into it": out / "b.txt", "linked from it": elsewhere}.get(list_is, path)
    target.write_text("http://a\n")
    if path != target:
        path.symlink_to(target)
    folder = Folder(str(out))
    source = listed(str(path), "txt", folder)

    with pytest.raises(OptionError, match="it would empty"):
        check_apart(source, folder, options(str(out), incremental_mode="overwrite"))
    check_apart(source, folder, options(str(out)))


def test_so_it_is_in_a_store(tmp_path: Path) -> None:
    place = f"memory://apart-{tmp_path.name}"
    with fsspec.open(f"{place}/a.txt", "wb") as file:
        file.write(b"http://a\n")
    folder = Folder(place)
    source = listed(f"{place}/a.txt", "txt", folder)

    with pytest.raises(OptionError, match="it would empty"):
        check_apart(source, folder, options(place, incremental_mode="overwrite"))
    beside = Folder(f"{place}2")
    check_apart(source, beside, options(beside.url, incremental_mode="overwrite"))


@pytest.mark.parametrize(
    ("name", "output_format", "refused"),
    [
        ("00000.parquet", "webdataset", True),
        ("00000.parquet", "dummy", False),
        ("00017/a.parquet", "files", True),
        ("00017/a.parquet", "webdataset", False),
        ("000/a.parquet", "files", False),
        ("20190101.parquet", "webdataset", False),
        ("part-0.parquet", "webdataset", False),
    ],
)
def test_a_list_is_not_written_over_by_a_shard(
    tmp_path: Path, name: str, output_format: str, *, refused: bool
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"url": ["http://a"]}), tmp_path / name)
    folder = Folder(str(tmp_path))
    source = listed(str(tmp_path / name), "parquet", folder)
    asked = options(str(tmp_path), output_format=output_format)

    if not refused:
        check_apart(source, folder, asked)
        return
    with pytest.raises(OptionError, match="under the name that a shard of the dataset would have"):
        check_apart(source, folder, asked)
    assert (tmp_path / name).exists()


def test_a_list_that_the_dataset_was_made_from_stays_one(tmp_path: Path) -> None:
    """output_format=dummy stores no table, so that name is free."""
    folder = Folder(str(tmp_path))
    path = tmp_path / "00000.parquet"
    pq.write_table(pa.table({"url": ["http://a"]}), path)
    (tmp_path / "00000_stats.json").write_text("{}")
    with pytest.raises(OptionError, match="are shards of the dataset"):
        listed(str(tmp_path), "parquet", folder)

    identity = Identity([{"url": str(path), "size": 1, "fingerprint": "x"}], {})
    (tmp_path / "00000_stats.json").unlink()
    prepare(folder, "incremental", identity, lambda _: ())
    (tmp_path / "00000_stats.json").write_text("{}")

    assert names(listed(str(tmp_path), "parquet", folder)) == ["00000.parquet"]
