"""incremental_mode=retry: rows of stored shards that failed for a passing reason are fetched again."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset import OptionError, Report, download, verify
from tests.e2e.dataset import FOLDER_WIDE, Dataset
from tests.e2e.mds_dataset import read_dataset
from tests.e2e.test_interruptions import wait_for
from tests.processes import children
from tests.site import Site

FORMATS = ["files", "webdataset", "parquet", "tfrecord", "mds"]
every_format = pytest.mark.parametrize(
    "output_format",
    [
        pytest.param(each, marks=() if each == "webdataset" else pytest.mark.slow)
        for each in FORMATS
    ],
)
SETTINGS: dict[str, Any] = {
    "input_format": "csv",
    "caption_col": "caption",
    "image_size": 32,
    "number_sample_per_shard": 6,
    "max_shard_retry": 0,
}


def rows_of(site: Site, token: str) -> list[str]:
    """Two shards: what is kept, what may pass (some of it does), what is final; and a third one
    where everything is well."""
    good = [site.url(f"/exif/{n}.jpg") for n in range(1, 8)]
    return [
        good[0],
        site.url("/flaky", fail=1, how="503", token=f"{token}a"),
        site.url("/status/404"),
        good[1],
        site.url("/flaky", fail=1, how="reset", token=f"{token}b"),
        site.url("/html"),
        site.url("/flaky", fail=2, how="503", token=f"{token}c"),
        good[2],
        site.url("/status/503"),
        site.url("/robots", tag="noai"),
        good[3],
        good[4],
        good[5],
        good[6],
    ]


@pytest.fixture
def listed(fresh_site: Site, tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    lines = [f"{url},caption {n}" for n, url in enumerate(rows_of(fresh_site, uuid.uuid4().hex))]
    path.write_text("\n".join(["url,caption", *lines]) + "\n")
    return path


@pytest.fixture
def out(tmp_path: Path) -> str:
    return str(tmp_path / "out")


def run(listed: Path, out: str, output_format: str, **changes: Any) -> Report:
    options = {**SETTINGS, "output_format": output_format, **changes}
    return download(str(listed), output_folder=out, **options)


def retry(listed: Path, out: str, output_format: str, **changes: Any) -> Report:
    return run(listed, out, output_format, incremental_mode="retry", **changes)


def contents(out: str) -> dict[str, bytes]:
    """Every visible file of the shards of a local dataset."""
    root = Path(out)
    names = {path: str(path.relative_to(root)) for path in sorted(root.rglob("*"))}
    return {
        name: path.read_bytes()
        for path, name in names.items()
        if path.is_file() and ".img2dataset" not in path.parts and name not in FOLDER_WIDE
    }


def samples(out: str, output_format: str) -> dict[str, bytes]:
    """Name (or key) -> bytes of everything that is stored of the kept rows."""
    stored = contents(out)
    match output_format:
        case "files":
            return {name.partition("/")[2]: data for name, data in stored.items() if "/" in name}
        case "webdataset":
            return Dataset(Path(out)).members()
        case "parquet":
            return {
                row["key"]: json.dumps(row, default=lambda data: hashlib.md5(data).hexdigest())
                .encode()
                for row in Dataset(Path(out)).rows
                if row["status"] == "success"
            }  # fmt: skip
        case "mds":
            return {
                sample["key"]: json.dumps(sample, default=lambda data: hashlib.md5(data).hexdigest())
                .encode()
                for sample in read_dataset(Path(out))
            }  # fmt: skip
        case _:
            return {
                hashlib.md5(record).hexdigest(): record
                for name, data in stored.items()
                if name.endswith(".tfrecord")
                for record in records(data)
            }


def records(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        found.append(data[at : at + length + 16])
        at += length + 16
    return found


@every_format
def test_only_what_may_pass_is_fetched_again_and_everything_else_stays(
    listed: Path, out: str, fresh_site: Site, output_format: str
) -> None:
    run(listed, out, output_format)
    before, stored = contents(out), samples(out, output_format)
    asked = len(fresh_site.requests)

    report = retry(listed, out, output_format)

    again = sorted(request.target for request in fresh_site.requests[asked:])
    assert [target.partition("?")[0] for target in again] == [
        "/flaky", "/flaky", "/flaky", "/status/503",
    ]  # fmt: skip
    assert report.retry is not None
    assert (report.retried, report.recovered, report.retry.shards) == (4, 2, 1)
    values = report.to_dict()
    assert (values["retried"], values["recovered"]) == (4, 2)
    assert (report.count, report.shards_done, report.shards_skipped) == (4, 1, 2)
    assert report.exit_code == 0
    # the second shard, where nothing came back, and the third, where nothing failed
    after = contents(out)
    for name, data in before.items():
        if not name.startswith("00000"):
            assert after[name] == data, name
    dataset = Dataset(Path(out))
    dataset.check_whole(14)
    assert [row["error_message"] for row in dataset.rows[:7]] == [
        None, None, "HTTP Error 404: Not Found", None, None, "Image decoding error",
        "HTTP Error 503: Service Unavailable",
    ]  # fmt: skip
    assert dataset.stats[0]["status_dict"] == {
        "success": 4, "HTTP Error 404: Not Found": 1, "Image decoding error": 1,
    }  # fmt: skip
    # what was kept is there with the same bytes, and what came back is added
    now = samples(out, output_format)
    assert stored.items() <= now.items()
    assert len(now) - len(stored) == 2 * (len(stored) // 7)


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["files", "webdataset"])
def test_it_can_be_done_again_until_everything_came_back(
    listed: Path, out: str, output_format: str
) -> None:
    run(listed, out, output_format)

    back = [retry(listed, out, output_format).recovered for _ in range(3)]

    assert back == [2, 1, 0]
    Dataset(Path(out)).check_whole(14)
    assert sum(stats["successes"] for stats in Dataset(Path(out)).stats) == 10


@pytest.mark.slow
def test_the_only_part_of_a_list_is_the_list(listed: Path, out: str) -> None:
    run(listed, out, "webdataset", part="0/1")

    assert retry(listed, out, "webdataset", part="0/1").recovered == 2


@pytest.mark.slow
def test_a_retry_ends_where_an_undisturbed_run_would_have(
    listed: Path, out: str, tmp_path: Path
) -> None:
    """The same pictures, captions, metadata and keys, but for the times in the stats."""
    run(listed, out, "files")
    retry(listed, out, "files")
    retry(listed, out, "files")
    run(listed, str(tmp_path / "other"), "files")  # by now everything flaky answers

    ours, theirs = (
        {name: data for name, data in contents(where).items() if name.endswith("jpg")}
        for where in (out, str(tmp_path / "other"))
    )
    assert ours == theirs
    assert Dataset(Path(out)).table.equals(Dataset(tmp_path / "other").table)
    assert [stats["status_dict"] for stats in Dataset(Path(out)).stats] == [
        stats["status_dict"] for stats in Dataset(tmp_path / "other").stats
    ]


@pytest.mark.slow
def test_shards_that_are_not_done_are_done(listed: Path, out: str, fresh_site: Site) -> None:
    run(listed, out, "webdataset")
    for name in ("00002.tar", "00002.parquet", "00002_stats.json", "00001_stats.json"):
        (Path(out) / name).unlink()

    report = retry(listed, out, "webdataset")

    assert (report.count, report.shards_done) == (2 + 6 + 2, 3)
    assert report.recovered in {2, 3}
    Dataset(Path(out)).check_whole(14)


@pytest.mark.slow
def test_nothing_to_retry_is_said(tmp_path: Path, fresh_site: Site, out: str) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text(f"url,caption\n{fresh_site.url('/status/404')},x\n")
    run(listed, out, "webdataset")
    asked = len(fresh_site.requests)

    report = retry(listed, out, "webdataset")

    # there is still not one image
    assert (report.count, report.recovered, report.exit_code) == (0, 0, 1)
    assert len(fresh_site.requests) == asked


def test_dummy_keeps_no_rows_and_is_refused_before_any_work(out: str) -> None:
    with pytest.raises(OptionError, match="dummy keeps no rows"):
        download("nowhere.txt", output_folder=out, output_format="dummy", incremental_mode="retry")
    assert not Path(out).exists()


@pytest.mark.slow
def test_other_settings_are_refused_as_ever(listed: Path, out: str) -> None:
    run(listed, out, "webdataset")

    with pytest.raises(OptionError, match="image_size"):
        retry(listed, out, "webdataset", image_size=64)


@pytest.mark.slow
def test_more_is_kept_with_every_kind_of_column(tmp_path: Path, fresh_site: Site, out: str) -> None:
    urls = [fresh_site.url("/image/1.png"), fresh_site.url("/flaky", fail=1, how="503")]
    table = pa.table({"url": urls, "tags": [["a"], []], "n": [1, None], "boxes": [[], None]})
    pq.write_table(table, tmp_path / "list.parquet")
    options: dict[str, Any] = {
        "input_format": "parquet", "output_format": "parquet", "image_size": 16,
        "save_additional_columns": ["tags", "n"], "bbox_col": "boxes", "encode_format": "png",
        "save_fetch_metadata": True, "save_opt_out_signals": True, "compute_hash": "md5",
        "output_folder": out,
    }  # fmt: skip
    download(str(tmp_path / "list.parquet"), **options)
    before = Dataset(Path(out)).table

    download(str(tmp_path / "list.parquet"), incremental_mode="retry", **options)

    after = Dataset(Path(out)).table
    assert after.schema == before.schema
    assert after.slice(0, 1).equals(before.slice(0, 1))
    row = after.to_pylist()[1]
    assert (row["status"], row["http_status"], row["tags"]) == ("success", 200, [])
    assert len(row["png"]) > 0


@pytest.mark.slow
def test_a_list_that_does_not_fit_is_refused_once_and_the_right_one_is_taken_afterwards(
    listed: Path, out: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of a dataset that does not say what it is made from, as those of the old tool."""
    run(listed, out, "webdataset")
    identity = Path(out) / ".img2dataset" / "identity"
    identity.unlink()
    lines = listed.read_text().splitlines()
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    capfd.readouterr()

    report = retry(wrong, out, "webdataset", max_shard_retry=3)

    assert report.shards_not_done == ("00000", "00001")
    assert "again: MismatchError" not in capfd.readouterr().err
    assert not identity.exists()
    assert retry(listed, out, "webdataset").recovered == 2
    assert identity.exists(), "the list is known to fit"
    with pytest.raises(OptionError, match="url_list"):
        retry(wrong, out, "webdataset")


@pytest.mark.slow
def test_a_retry_that_makes_shards_of_an_old_dataset_says_what_they_are_made_from(
    listed: Path, out: str, tmp_path: Path
) -> None:
    """Else the next run would take shards of a wrong list as done."""
    run(listed, out, "webdataset")
    (Path(out) / ".img2dataset" / "identity").unlink()
    lines = listed.read_text().splitlines()
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("\n".join([lines[0], *reversed(lines[1:]), *lines[1:7]]) + "\n")
    assert retry(wrong, out, "webdataset").shards_done == 1

    with pytest.raises(OptionError, match="url_list"):
        run(listed, out, "webdataset")


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["files", "parquet"])
def test_a_damaged_shard_is_left_and_named(listed: Path, out: str, output_format: str) -> None:
    run(listed, out, output_format)
    victim = {"webdataset": "00000.tar", "tfrecord": "00000.tfrecord"}.get(
        output_format, "00000.parquet"
    )
    whole = (Path(out) / victim).read_bytes()
    (Path(out) / victim).write_bytes(whole[: len(whole) // 2])
    before = contents(out)

    report = retry(listed, out, output_format)

    assert report.shards_not_done == ("00000",)
    assert report.exit_code == 1
    assert contents(out) == before
    hidden = {path.name for path in (Path(out) / ".img2dataset").iterdir()}
    assert hidden - {"published", "accounts"} == {"identity", "lock"}


@pytest.mark.slow
def test_each_part_of_an_extended_dataset_is_completed_with_its_own_command(
    tmp_path: Path, fresh_site: Site, out: str
) -> None:
    lists = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.csv"
        urls = [
            fresh_site.url("/image/1.jpg"),
            fresh_site.url("/flaky", fail=1, how="503", token=name),
        ]
        path.write_text("\n".join(["url,caption", *(f"{url},{name}" for url in urls)]) + "\n")
        lists.append(path)
    run(lists[0], out, "webdataset")
    run(lists[1], out, "parquet", incremental_mode="extend")

    assert retry(lists[1], out, "parquet").recovered == 1
    assert retry(lists[0], out, "webdataset").recovered == 1
    assert verify(out, deep=True).whole
    assert verify(out).images == 4


# -- whatever dies


COMMAND = [
    sys.executable, "-m", "img2dataset", "--image_size=32", "--number_sample_per_shard=7",
    "--processes_count=2", "--thread_count=4",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output_format", "victim"),
    [("files", "worker"), ("webdataset", "parent")],
)
def test_a_kill_while_shards_are_completed_loses_nothing(
    tmp_path: Path, fresh_site: Site, output_format: str, victim: str
) -> None:
    urls = []
    for number in range(42):
        kind = number % 3
        urls.append(
            fresh_site.url(f"/image/{number}.jpg") if kind == 0
            else fresh_site.url("/flaky", fail=1, how="503", token=f"t{number}") if kind == 1
            else fresh_site.url("/status/404")
        )  # fmt: skip
    (tmp_path / "list.txt").write_text("\n".join(urls))
    command = [
        *COMMAND, f"--url_list={tmp_path / 'list.txt'}", f"--output_folder={tmp_path / 'out'}",
        f"--output_format={output_format}",
    ]  # fmt: skip
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=60)
    dataset = Dataset(tmp_path / "out")
    kept = {key for key, row in by_key(dataset).items() if row["status"] == "success"}
    hidden = tmp_path / "out" / ".img2dataset" / "replacing"

    again = [*command, "--incremental_mode=retry"]
    run = subprocess.Popen(again, stderr=subprocess.DEVNULL)
    wait_for(lambda: hidden.exists() or run.poll() is not None, "a shard is being replaced")
    os.kill(children(run.pid)[0] if victim == "worker" else run.pid, signal.SIGKILL)
    run.wait(timeout=60)
    subprocess.run(again, check=True, stderr=subprocess.DEVNULL, timeout=60)

    dataset.check_whole(42)
    rows = by_key(dataset)
    assert all(rows[key]["status"] == "success" for key in kept)
    assert sum(row["status"] == "success" for row in rows.values()) == 28
    assert verify(str(dataset.folder), deep=True).whole


def by_key(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in dataset.rows}
