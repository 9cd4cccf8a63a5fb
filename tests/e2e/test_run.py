"""Whole runs: a list goes in, a dataset comes out."""

from __future__ import annotations

import io
import json
import logging
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from PIL import Image

from img2dataset import OptionError, download
from tests.e2e.dataset import Dataset
from tests.site import Site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def write_list(tmp_path: Path, urls: list[str]) -> str:
    path = tmp_path / "list.txt"
    path.write_text("\n".join(urls) + "\n")
    return str(path)


def images(site: Site, count: int) -> list[str]:
    return [site.url(f"/image/{number}.jpg") for number in range(count)]


@pytest.mark.slow
def test_files_by_default_as_the_old_tool_stores_them(site: Site, tmp_path: Path) -> None:
    urls = [*images(site, 3), site.url("/status/404")]

    report = download(write_list(tmp_path, urls), output_folder=str(tmp_path / "out"))

    dataset = Dataset(tmp_path / "out")
    assert dataset.visible == ["00000", "00000.parquet", "00000_stats.json"]
    names = sorted(path.name for path in (dataset.folder / "00000").iterdir())
    assert names == [f"00000000{n}.{end}" for n in range(3) for end in ("jpg", "json")]
    sample = json.loads((dataset.folder / "00000" / "000000001.json").read_text())
    assert list(sample) == [
        "url", "key", "status", "error_message", "width", "height",
        "original_width", "original_height", "exif", "sha256",
    ]  # fmt: skip
    assert sample["url"] == urls[1]
    assert (sample["key"], sample["status"], sample["error_message"]) == (
        "000000001", "success", None,
    )  # fmt: skip
    with Image.open(dataset.folder / "00000" / "000000001.jpg") as image:
        assert image.size == (256, 256) == (sample["width"], sample["height"])
    assert [row["error_message"] for row in dataset.rows] == [
        None, None, None, "HTTP Error 404: Not Found",
    ]  # fmt: skip
    stats = dataset.stats[0]
    assert (stats["count"], stats["successes"], stats["failed_to_download"]) == (4, 3, 1)
    assert stats["status_dict"] == {"success": 3, "HTTP Error 404: Not Found": 1}
    assert (report.count, report.successes, report.failed_to_download) == (4, 3, 1)
    assert report.reasons == {"http_status": 1}
    assert report.exit_code == 0


@pytest.mark.slow
@pytest.mark.filterwarnings(
    # webdataset leaves the files it read to the garbage collector
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_a_webdataset_with_captions_loads_as_users_load_it(site: Site, tmp_path: Path) -> None:
    table = pa.table(
        {
            "URL": images(site, 5),
            "TEXT": ["007", "ünï — 猫", None, "", "a, b"],
            "score": [0.5, math.nan, None, 1.0, 2.0],
            "tags": [["x"], [], None, ["y", "z"], ["é"]],
        }
    )
    pq.write_table(table, tmp_path / "list.parquet")

    download(
        str(tmp_path / "list.parquet"), output_folder=str(tmp_path / "out"), url_col="URL",
        caption_col="TEXT", input_format="parquet", output_format="webdataset",
        save_additional_columns=["score", "tags"], number_sample_per_shard=3,
    )  # fmt: skip

    dataset = Dataset(tmp_path / "out")
    dataset.check_whole(5)
    assert dataset.visible == [
        "00000.parquet", "00000.tar", "00000_stats.json",
        "00001.parquet", "00001.tar", "00001_stats.json",
    ]  # fmt: skip
    assert dataset.table.column_names[:4] == ["score", "tags", "caption", "url"]
    assert dataset.table.schema.field("tags").type == pa.list_(pa.string())
    loaded = {}
    for name in ("00000.tar", "00001.tar"):
        shards = webdataset.WebDataset(str(tmp_path / "out" / name), shardshuffle=False)
        for sample in shards.decode("pil"):
            assert sample["jpg"].size == (256, 256)
            loaded[sample["__key__"]] = (sample["txt"], sample["json"])
    assert sorted(loaded) == ["000000", "000001", "000002", "000010", "000011"]
    assert [loaded[key][0] for key in sorted(loaded)] == ["007", "ünï — 猫", "", "", "a, b"]
    assert loaded["000001"][1]["score"] is None
    assert loaded["000010"][1]["tags"] == ["y", "z"]


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["parquet", "tfrecord", "dummy"])
def test_the_other_output_formats(site: Site, tmp_path: Path, output_format: Any) -> None:
    download(
        write_list(tmp_path, images(site, 4)), output_folder=str(tmp_path / "out"),
        output_format=output_format, image_size=32,
    )  # fmt: skip

    dataset = Dataset(tmp_path / "out")
    assert dataset.stats[0]["successes"] == 4
    if output_format == "dummy":
        assert dataset.visible == ["00000_stats.json"]
    if output_format == "tfrecord":
        assert dataset.visible == ["00000.parquet", "00000.tfrecord", "00000_stats.json"]
    if output_format == "parquet":
        for row in dataset.rows:
            assert Image.open(io.BytesIO(row["jpg"])).size == (32, 32)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "list",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("table", "frame", "generator")),
    ],
)
def test_a_list_given_in_python(site: Site, tmp_path: Path, kind: str) -> None:
    urls = images(site, 3)
    given: dict[str, Any] = {
        "list": urls,
        "table": pa.table({"url": urls}),
        "frame": pd.DataFrame({"url": urls}),
        "generator": (url for url in urls),
    }

    report = download(given[kind], output_folder=str(tmp_path / "out"))

    assert report.successes == 3
    # and it can be resumed: nothing is left to do
    again = urls if kind == "generator" else given[kind]
    second = download(again, output_folder=str(tmp_path / "out"))
    assert (second.count, second.shards_skipped, second.exit_code) == (0, 1, 0)


def test_the_same_command_again_does_only_what_is_left(site: Site, tmp_path: Path) -> None:
    urls = images(site, 9)
    options: dict[str, Any] = {
        "output_folder": str(tmp_path / "out"), "number_sample_per_shard": 3,
        "output_format": "webdataset",
    }  # fmt: skip
    download(write_list(tmp_path, urls), **options)
    before = (tmp_path / "out" / "00000.tar").read_bytes()
    (tmp_path / "out" / "00001_stats.json").unlink()

    report = download(write_list(tmp_path, urls), **options)

    assert (report.shards_done, report.shards_skipped, report.count) == (1, 2, 3)
    Dataset(tmp_path / "out").check_whole(9)
    assert (tmp_path / "out" / "00000.tar").read_bytes() == before


@pytest.mark.slow
def test_equal_samples_give_equal_bytes(site: Site, tmp_path: Path) -> None:
    for name in ("a", "b"):
        download(images(site, 1), output_folder=str(tmp_path / name), output_format="webdataset")
    assert (tmp_path / "a" / "00000.tar").read_bytes() == (
        tmp_path / "b" / "00000.tar"
    ).read_bytes()


@pytest.mark.slow
def test_resuming_with_other_settings_is_refused_and_changes_nothing(
    site: Site, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    download(images(site, 2), output_folder=out)
    before = Dataset(tmp_path / "out").visible

    with pytest.raises(OptionError, match="image_size"):
        download(images(site, 2), output_folder=out, image_size=64)
    with pytest.raises(OptionError, match="url_list"):
        download(images(site, 3), output_folder=out)
    assert Dataset(tmp_path / "out").visible == before


@pytest.mark.slow
def test_a_second_run_into_the_same_folder_is_refused_while_the_first_goes_on(
    site: Site, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    first = threading.Thread(
        target=download, args=([site.url("/slow?seconds=3")],), kwargs={"output_folder": out}
    )
    first.start()
    deadline = time.monotonic() + 20
    while not site.asked("/slow") and time.monotonic() < deadline:
        time.sleep(0.02)

    for mode in ("incremental", "overwrite"):
        with pytest.raises(OptionError, match="another run is writing"):
            download(images(site, 1), output_folder=out, incremental_mode=mode)
    first.join()

    assert Dataset(tmp_path / "out").visible == ["00000", "00000.parquet", "00000_stats.json"]
    assert download(images(site, 1), output_folder=out, incremental_mode="overwrite").count == 1


def test_the_folder_one_is_in_is_never_emptied(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "mine.py").touch()
    monkeypatch.chdir(tmp_path / "deep")
    for folder in (".", "..", str(tmp_path)):
        with pytest.raises(OptionError, match="it would empty"):
            download(images(site, 1), output_folder=folder, incremental_mode="overwrite")
    assert (tmp_path / "mine.py").exists()


@pytest.mark.slow
def test_a_list_that_was_moved_is_still_the_same_list(site: Site, tmp_path: Path) -> None:
    before = write_list(tmp_path, images(site, 2))
    download(before, output_folder=str(tmp_path / "out"))
    (tmp_path / "elsewhere").mkdir()
    after = Path(before).rename(tmp_path / "elsewhere" / "list.txt")

    assert download(str(after), output_folder=str(tmp_path / "out")).shards_skipped == 1


def test_an_unknown_parameter_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match="did you mean image_size"):
        download("list.txt", imagesize=3)  # type: ignore[call-arg]


@pytest.mark.slow
def test_extend_adds_and_overwrite_starts_again(site: Site, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    first, second = images(site, 2), images(site, 3)
    download(first, output_folder=out, output_format="webdataset")
    download(second, output_folder=out, output_format="webdataset", incremental_mode="extend")

    dataset = Dataset(tmp_path / "out")
    dataset.check_whole(5)
    assert [row["key"] for row in dataset.rows] == [
        "000000000", "000000001", "000010000", "000010001", "000010002",
    ]  # fmt: skip

    download(second, output_folder=out, output_format="webdataset", incremental_mode="overwrite")
    dataset.check_whole(3)


def test_a_list_inside_the_folder_to_be_emptied_is_safe(site: Site, tmp_path: Path) -> None:
    path = write_list(tmp_path, images(site, 1))

    with pytest.raises(OptionError, match="overwrite"):
        download(path, output_folder=str(tmp_path), incremental_mode="overwrite")
    assert Path(path).exists()


@pytest.mark.slow
def test_hashes_are_checked_before_anything_else(site: Site, tmp_path: Path) -> None:
    urls = images(site, 2)
    first = download(urls, output_folder=str(tmp_path / "a"), compute_hash="md5")
    assert first.successes == 2
    digest = Dataset(tmp_path / "a").rows[0]["md5"]
    table = pa.table({"url": urls, "sum": [digest.upper(), "0" * 32]})

    download(
        table, output_folder=str(tmp_path / "b"), compute_hash="md5", verify_hash=["sum", "md5"]
    )

    rows = Dataset(tmp_path / "b").rows
    assert [row["error_message"] for row in rows] == [None, "hash mismatch"]
    assert [row["status"] for row in rows] == ["success", "failed_to_download"]


@pytest.mark.slow
def test_boxes_are_blurred_and_kept(site: Site, tmp_path: Path) -> None:
    table = pa.table({"url": images(site, 1) * 2, "faces": pa.array([[[0.2, 0.2, 0.8, 0.8]], []])})

    download(
        table, output_folder=str(tmp_path / "out"), bbox_col="faces", encode_format="png",
        skip_reencode=True,
    )  # fmt: skip

    blurred, plain = (
        np.asarray(Image.open(tmp_path / "out" / "00000" / f"00000000{n}.png"), dtype=float)
        for n in range(2)
    )
    difference = np.abs(blurred - plain)
    assert difference[110:146, 110:146].mean() > 0.3
    assert difference[:8, :8].max() == 0
    assert Dataset(tmp_path / "out").rows[0]["faces"] == [[0.2, 0.2, 0.8, 0.8]]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_shards_overlap_and_none_waits_for_the_slowest(
    site: Site, tmp_path: Path, processes: int
) -> None:
    urls = [site.url("/slow?seconds=2"), *images(site, 19)]

    report = download(
        urls, output_folder=str(tmp_path / "out"), output_format="webdataset",
        number_sample_per_shard=2, processes_count=processes, thread_count=4,
    )  # fmt: skip

    assert report.successes == 20
    Dataset(tmp_path / "out").check_whole(20)
    if processes == 1:
        stats = sorted((tmp_path / "out").glob("*_stats.json"), key=lambda p: p.stat().st_mtime_ns)
        assert stats[-1].name == "00000_stats.json"


@pytest.mark.slow
def test_more_shards_than_rows_in_flight(site: Site, tmp_path: Path) -> None:
    report = download(
        images(site, 150), output_folder=str(tmp_path / "out"), output_format="webdataset",
        number_sample_per_shard=1, oom_shard_count=2, processes_count=2, image_size=16,
    )  # fmt: skip

    assert (report.successes, report.shards_done) == (150, 150)
    keys = [row["key"] for row in Dataset(tmp_path / "out").rows]
    assert set(keys) == {f"{n:02d}" for n in range(150)}


@pytest.mark.slow
def test_it_works_in_a_thread(site: Site, tmp_path: Path) -> None:
    reports = []
    thread = threading.Thread(
        target=lambda: reports.append(
            download(images(site, 2), output_folder=str(tmp_path / "out"))
        )
    )
    thread.start()
    thread.join()

    assert reports[0].successes == 2


@pytest.mark.slow
def test_the_output_may_be_a_url(site: Site, tmp_path: Path) -> None:
    report = download(images(site, 2), output_folder=f"file://{tmp_path}/out")

    assert report.successes == 2
    assert Dataset(tmp_path / "out").visible[0] == "00000"


@pytest.mark.slow
def test_a_good_run_warns_of_nothing(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        download(images(site, 1), output_folder=str(tmp_path / "out"))
    assert caplog.records == []


@pytest.mark.slow
def test_a_shard_that_cannot_be_stored_is_tried_again_then_named_and_the_others_are_done(
    site: Site, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "out" / "00001.tar" / "folder"
    in_the_way.mkdir(parents=True)
    options: dict[str, Any] = {
        "output_folder": str(tmp_path / "out"), "number_sample_per_shard": 3,
        "output_format": "webdataset",
    }  # fmt: skip

    report = download(images(site, 9), **options)

    assert report.shards_not_done == ("00001",)
    assert (report.exit_code, report.complete, report.successes) == (1, False, 6)
    assert sorted(path.name for path in (tmp_path / "out").glob("*_stats.json")) == [
        "00000_stats.json", "00002_stats.json",
    ]  # fmt: skip
    assert len(site.asked("/image/3.jpg")) >= 2  # once more at the end

    in_the_way.rmdir()
    in_the_way.parent.rmdir()
    assert download(images(site, 9), **options).exit_code == 0
    Dataset(tmp_path / "out").check_whole(9)
