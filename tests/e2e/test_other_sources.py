"""Whole runs over images that are not on http: local folders, lists of files, objects on S3."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from img2dataset import OptionError, Report, download
from tests.e2e.commands import Running, run, write_list
from tests.e2e.dataset import Dataset
from tests.stores.proxy import Asked, Fate, Pass, Refuse, nothing
from tests.stores.s3 import BUCKET, S3Server


def photo(number: int, side: int = 40) -> bytes:
    sink = io.BytesIO()
    colour = (number % 256, number // 256 % 256, 99)
    Image.new("RGB", (side, side + number % 7), colour).save(sink, "JPEG")
    return sink.getvalue()


def put_photos(folder: Path, count: int) -> Path:
    """Photos in folders of ten; every second one has a caption."""
    for number in range(count):
        path = folder / f"{number // 10:03}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(number))
        if number % 2:
            path.with_suffix(".txt").write_text(f"photo {number}\n")
    return folder


def make(url_list: Any, out: Path, **changes: Any) -> tuple[Report, Dataset]:
    values: dict[str, Any] = {
        "output_folder": str(out),
        "output_format": "webdataset",
        "image_size": 32,
        "number_sample_per_shard": 10,
        "reporters": (),
        **changes,
    }
    return download(url_list, **values), Dataset(out)


@pytest.mark.slow
def test_a_folder_of_images_becomes_a_dataset(tmp_path: Path) -> None:
    """As the folder of someone who trains a LoRA: images, captions, and what else lies there."""
    photos = put_photos(tmp_path / "photos", 14)
    (photos / "broken.jpg").write_bytes(b"this is no image, whatever its name says")
    (photos / "notes.md").write_text("not a row")

    report, dataset = make(
        photos, tmp_path / "out", input_format="folder", caption_col="txt",
        save_additional_columns=["path"], save_fetch_metadata=True,
    )  # fmt: skip

    assert report.reasons == {"not_an_image": 1}
    dataset.check_whole(15)
    rows = dataset.rows
    assert [row["path"] for row in rows] == [
        "broken.jpg", *(f"{number // 10:03}/{number:05}.jpg" for number in range(14))
    ]  # fmt: skip
    assert [row["caption"] for row in rows[1:3]] == [None, "photo 1"]
    assert rows[2]["url"] == rows[2]["final_url"] == f"file://{photos}/000/00001.jpg"
    assert rows[2]["sha256"] == hashlib.sha256(photo(1)).hexdigest()
    assert (rows[2]["http_status"], rows[2]["body_bytes"]) == (None, len(photo(1)))
    assert dataset.members()["000002.txt"] == b"photo 1"


def test_a_dataset_is_not_stored_among_the_images_that_it_is_made_of(tmp_path: Path) -> None:
    photos = put_photos(tmp_path / "photos", 1)

    for out in (photos, photos / "out"):
        with pytest.raises(OptionError, match="it is in url_list"):
            make(photos, out, input_format="folder")


def test_schemes_that_cannot_be_fetched_are_refused_before_work(tmp_path: Path) -> None:
    for schemes, message in (
        (["gs3"], "no known scheme"),
        (["zip"], "leads to other URLs"),
        (["sftp"], "private_addresses=allow only"),
        (["S3"], "lower case"),
    ):
        with pytest.raises(OptionError, match=message):
            make(["http://a/1.jpg"], tmp_path, url_schemes=schemes)


@pytest.mark.slow
def test_rows_of_other_schemes_fail_and_the_end_names_the_option(tmp_path: Path) -> None:
    photos = put_photos(tmp_path / "photos", 3)
    urls = [path.as_uri() for path in sorted(photos.rglob("*.jpg"))]
    url_list = write_list(tmp_path / "list.txt", [*urls, "s3://bucket/key.jpg"])
    out = f"--output_folder={tmp_path / 'out'}"

    code, errors = run([f"--url_list={url_list}", out, "--processes_count=1"])

    assert code == 1
    assert "4 rows name something that is not fetched: url_schemes" in errors
    assert {row["error_message"] for row in Dataset(tmp_path / "out").rows} == {
        "URL scheme not allowed: http and https only"
    }
    allowed = ["--url_schemes=file", "--incremental_mode=overwrite", "--processes_count=1"]
    code, errors = run([f"--url_list={url_list}", out, *allowed])
    assert code == 0, errors
    assert "1 row names something that is not fetched" in errors
    assert "URL scheme not allowed: file only" in errors
    assert [row["status"] for row in Dataset(tmp_path / "out").rows].count("success") == 3


@pytest.mark.slow
def test_2000_photos_become_a_dataset(tmp_path: Path) -> None:
    photos = put_photos(tmp_path / "photos", 2000)

    report, dataset = make(
        photos, tmp_path / "out", input_format="folder", caption_col="txt",
        number_sample_per_shard=500, processes_count=2,
    )  # fmt: skip

    assert report.successes == 2000
    dataset.check_whole(2000)
    assert sum(row["caption"] is not None for row in dataset.rows) == 1000


@pytest.mark.slow
def test_hashes_are_verified_and_duplicates_left_out_as_on_http(tmp_path: Path) -> None:
    photos = put_photos(tmp_path / "photos", 4)
    paths = sorted(photos.rglob("*.jpg"))
    lines = [f"{path},{hashlib.md5(path.read_bytes()).hexdigest()}" for path in paths]
    lines[1] = f"{paths[1]},{'0' * 32}"
    url_list = tmp_path / "list.csv"
    url_list.write_text("\n".join(["url,md5", *lines, lines[0]]))

    report, dataset = make(
        str(url_list), tmp_path / "out", input_format="csv", url_schemes=["file"],
        compute_hash="md5", verify_hash=["md5", "md5"], deduplicate="url", disable_all_reencoding=True,
    )  # fmt: skip

    assert (report.count, report.reasons) == (4, {"hash_mismatch": 1})
    assert dataset.members()["000000.jpg"] == paths[0].read_bytes()


@pytest.mark.slow
def test_a_killed_run_over_a_folder_goes_on(tmp_path: Path) -> None:
    photos = put_photos(tmp_path / "photos", 600)
    options = [
        f"--url_list={photos}", "--input_format=folder", f"--output_folder={tmp_path / 'out'}",
        "--output_format=webdataset", "--number_sample_per_shard=20", "--image_size=32",
        "--caption_col=txt", "--processes_count=1",
    ]  # fmt: skip
    running = Running(options)
    running.until(lambda: any((tmp_path / "out").glob("*_stats.json")), "a shard")
    running.process.kill()
    running.end()

    code, errors = run(options)

    assert code == 0, errors
    Dataset(tmp_path / "out").check_whole(600)


@pytest.mark.slow
def test_parts_share_a_folder(tmp_path: Path) -> None:
    photos = put_photos(tmp_path / "photos", 50)

    for part in ("1/2", "0/2"):
        report, dataset = make(photos, tmp_path / "out", input_format="folder", part=part)
        assert report.exit_code == 0

    assert [row["url"] for row in dataset.rows] == [
        path.as_uri() for path in sorted(photos.rglob("*.jpg"))
    ]


@pytest.mark.slow
def test_images_that_are_added_to_a_folder_are_added_to_the_dataset(tmp_path: Path) -> None:
    photos = put_photos(tmp_path / "photos", 20)
    again = {"input_format": "folder", "save_additional_columns": ["path"]}
    make(photos, tmp_path / "out", **again)

    (photos / "999").mkdir()
    (photos / "999" / "last.jpg").write_bytes(photo(21))
    report, dataset = make(photos, tmp_path / "out", **again)

    assert (report.count, report.shards_skipped) == (1, 2)
    assert dataset.rows[-1]["path"] == "999/last.jpg"
    (photos / "first.jpg").write_bytes(photo(22))
    with pytest.raises(OptionError, match="accept_changed_list"):
        make(photos, tmp_path / "out", **again)


# -- S3


def put_objects(server: S3Server, name: str, count: int) -> list[str]:
    for number in range(count):
        server.put(f"{name}/photos/{number:03}.jpg", photo(number))
        if number % 2:
            server.put(f"{name}/photos/{number:03}.txt", f"photo {number}".encode())
    return [f"s3://{BUCKET}/{name}/photos/{number:03}.jpg" for number in range(count)]


def s3_options(tmp_path: Path, *more: str) -> list[str]:
    return [
        f"--output_folder={tmp_path / 'out'}", "--output_format=webdataset", "--image_size=32",
        "--number_sample_per_shard=4", "--processes_count=1", *more,
    ]  # fmt: skip


@pytest.mark.slow
def test_objects_on_s3_are_fetched_with_the_users_credentials(
    server: S3Server, name: str, tmp_path: Path
) -> None:
    urls = put_objects(server, name, 6)
    noise = Image.effect_noise((1900, 1900), 90)
    sink = io.BytesIO()
    noise.save(sink, "PNG")
    server.put(f"{name}/large.png", sink.getvalue())  # more than one range
    server.put(f"{name}/a b#?%20.jpg", photo(1))
    server.put(f"{name}/empty.jpg", b"")
    names = ["large.png", "a b#?%20.jpg", "empty.jpg", "missing.jpg", "photos"]
    url_list = write_list(
        tmp_path / "list.txt",
        [*urls, *(f"s3://{BUCKET}/{name}/{each}" for each in names), "s3://no-such-bucket-here/a"],
    )
    assert len(sink.getvalue()) > 2_000_000

    code, errors = run(
        s3_options(tmp_path, f"--url_list={url_list}", "--url_schemes=http,https,s3",
                   "--save_fetch_metadata"),
        server.environment,
    )  # fmt: skip

    assert code == 0, errors
    dataset = Dataset(tmp_path / "out")
    dataset.check_whole(12)
    rows = dataset.rows
    assert [row["error_message"] for row in rows] == [
        *[None] * 8,
        "body empty",
        "no such file or object",
        "not a regular file",
        "no such file or object",
    ]  # fmt: skip
    assert rows[6]["body_bytes"] == len(sink.getvalue())
    assert rows[0]["etag"] == f'"{hashlib.md5(photo(0)).hexdigest()}"'
    assert rows[0]["last_modified"].endswith(" GMT")


@pytest.mark.slow
def test_a_folder_on_s3_is_a_list(server: S3Server, name: str, tmp_path: Path) -> None:
    put_objects(server, name, 9)

    code, errors = run(
        s3_options(tmp_path, f"--url_list=s3://{BUCKET}/{name}/photos/", "--input_format=folder",
                   "--caption_col=txt", "--disable_all_reencoding"),
        server.environment,
    )  # fmt: skip

    assert code == 0, errors
    dataset = Dataset(tmp_path / "out")
    dataset.check_whole(9)
    assert [row["caption"] for row in dataset.rows[:3]] == [None, "photo 1", None]
    assert dataset.rows[0]["url"] == f"s3://{BUCKET}/{name}/photos/000.jpg"
    assert dataset.members()["000000.jpg"] == photo(0)


def refusing(name: str, share: Callable[[str], bool]) -> Callable[[Asked], Fate]:
    def rule(asked: Asked) -> Fate:
        key = asked.path.rpartition("/")[2]
        busy = asked.method == "GET" and f"/{name}/photos/" in asked.path and share(key)
        return Refuse(503, "SlowDown") if busy else Pass()

    return rule


@pytest.mark.slow
def test_what_a_busy_store_refuses_is_fetched_by_retry(
    server: S3Server, name: str, tmp_path: Path
) -> None:
    urls = put_objects(server, name, 8)
    url_list = write_list(tmp_path / "list.txt", urls)
    options = s3_options(tmp_path, f"--url_list={url_list}", "--url_schemes=s3")
    server.proxy.rule = refusing(name, lambda key: key in ("001.jpg", "006.jpg"))

    code, errors = run(options, server.environment)

    assert code == 0, errors
    failed = [row for row in Dataset(tmp_path / "out").rows if row["status"] != "success"]
    assert [row["error_message"] for row in failed] == ["HTTP Error 503: Service Unavailable"] * 2
    server.proxy.rule = nothing
    code, errors = run([*options, "--incremental_mode=retry"], server.environment)
    assert code == 0, errors
    assert "2 of 2 rows fetched again came back" in errors
    assert {row["status"] for row in Dataset(tmp_path / "out").rows} == {"success"}


@pytest.mark.slow
def test_retries_ask_a_busy_store_again(server: S3Server, name: str, tmp_path: Path) -> None:
    url_list = write_list(tmp_path / "list.txt", put_objects(server, name, 2))
    seen: list[str] = []

    def is_first(key: str) -> bool:
        seen.append(key)
        return seen.count(key) == 1 and key == "001.jpg"

    server.proxy.rule = refusing(name, is_first)

    code, errors = run(
        s3_options(tmp_path, f"--url_list={url_list}", "--url_schemes=s3", "--retries=2"),
        server.environment,
    )

    assert code == 0, errors
    assert {row["status"] for row in Dataset(tmp_path / "out").rows} == {"success"}
    assert sorted(seen) == ["000.jpg", "001.jpg", "001.jpg"]
