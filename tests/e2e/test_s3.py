"""Lists and datasets on an S3 server, over HTTP, on good days and on bad ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset import verify
from tests.chaos.contents import FOLDER_WIDE, contents, differences
from tests.chaos.indexes import check_index_files, folder_wide
from tests.e2e.commands import Running, run, write_list
from tests.site import Site
from tests.stores.proxy import Asked, Drop, Fate, Pass, Refuse, nothing
from tests.stores.s3 import BUCKET, KEYS, S3Server

pytestmark = pytest.mark.slow
ROWS = 20


def options(url_list: Path | str, name: str, output_format: str = "webdataset") -> list[str]:
    return [
        f"--url_list={url_list}", f"--output_folder=s3://{BUCKET}/{name}",
        f"--output_format={output_format}", "--number_sample_per_shard=5", "--image_size=64",
    ]  # fmt: skip


def urls(site: Site, rows: int = ROWS) -> list[str]:
    return [site.url(f"/image/{n}.jpg") for n in range(rows)]


def shards_done(server: S3Server, name: str) -> int:
    return sum(key.endswith("_stats.json") for key in server.keys(f"{name}/"))


@pytest.mark.parametrize("output_format", ["files", "webdataset"])
def test_a_dataset_on_s3_is_what_it_is_on_a_disk(
    output_format: str, server: S3Server, name: str, tmp_path: Path, site: Site
) -> None:
    url_list = write_list(tmp_path / "list.txt", urls(site))
    server.put(f"lists/{name}.txt", url_list.read_bytes())
    local = [f"--output_folder={tmp_path / 'truth'}"]
    assert run([*options(url_list, name, output_format), *local])[0] == 0

    code, errors = run(
        options(f"s3://{BUCKET}/lists/{name}.txt", name, output_format), server.environment
    )

    assert code == 0, errors
    lock = f"/{BUCKET}/{name}/.img2dataset/publishing"
    looks = [each for each in server.proxy.asked if each.method == "GET" and each.path == lock]
    assert len(looks) <= 15, "before each file that is written, not before each that is read"
    stored = server.fetch(name, tmp_path / "stored")
    found, truth = contents(stored), contents(tmp_path / "truth")
    for name_in_it in FOLDER_WIDE:  # they name the list and the folder
        assert bool(found.pop(name_in_it, None)) == bool(truth.pop(name_in_it, None))
    assert differences(found, truth) == []
    kept = {path.name for path in (stored / ".img2dataset").iterdir()}
    assert kept - {"published", "accounts"} == {"identity"}
    assert server.uploads(name) == []


@pytest.mark.timeout(300)
def test_indexes_on_s3_are_those_of_its_tars(
    server: S3Server, name: str, tmp_path: Path, site: Site
) -> None:
    listed = write_list(tmp_path / "list.txt", [*urls(site, 7), site.url("/status/404")])
    assert run([*options(listed, name), "--indexes=energon"], server.environment)[0] == 0

    command = [sys.executable, "-m", "img2dataset", "index", f"s3://{BUCKET}/{name}"]
    done = subprocess.run(
        [*command, "--indexes=all"], check=True, capture_output=True, text=True,
        env={**os.environ, **server.environment}, timeout=90,
    )  # fmt: skip

    assert done.stdout.endswith("4 files beside tars written\n")
    stored = server.fetch(name, tmp_path / "stored")
    check_index_files(stored)
    assert {"sizes.json", "wids.json", ".nv-meta/.info.json"} == set(folder_wide(stored))
    assert len(list(stored.glob("*.idx"))) == 4
    assert verify(str(stored)).whole, "also the database"
    assert (stored / ".nv-meta" / "index.sqlite").exists()
    assert not [key for key in server.keys(f"{name}/.img2dataset/") if "parts" in key]


@pytest.mark.parametrize("way", ["fsspec file", "AWS file"])
def test_an_endpoint_is_found_where_users_of_fsspec_and_aws_put_it(
    way: str, server: S3Server, name: str, tmp_path: Path, site: Site
) -> None:
    environment = {**KEYS, "HOME": str(tmp_path)}
    match way:
        case "fsspec file":
            folder = tmp_path / ".config" / "fsspec"
            folder.mkdir(parents=True)
            settings = {
                "key": "k",
                "secret": "s",
                "client_kwargs": {"endpoint_url": server.endpoint},
            }
            (folder / "minio.json").write_text(json.dumps({"s3": settings}))
        case _:
            (tmp_path / "config").write_text(f"[default]\nendpoint_url = {server.endpoint}\n")
            environment["AWS_CONFIG_FILE"] = str(tmp_path / "config")
    url_list = write_list(tmp_path / "list.txt", urls(site))

    code, errors = run(options(url_list, name), environment)

    assert code == 0, errors
    assert shards_done(server, name) == 4


def writing(asked: Asked, name: str) -> bool:
    return asked.method in {"PUT", "POST"} and f"/{name}/0" in asked.path


def count_writes(server: S3Server, name: str) -> int:
    return sum(writing(asked, name) for asked in list(server.proxy.asked))


def test_a_store_that_is_down_is_waited_for_and_nothing_is_fetched_twice(
    server: S3Server, name: str, tmp_path: Path, fresh_site: Site
) -> None:
    until = [float("inf")]

    def down(asked: Asked) -> Fate:
        return Drop() if writing(asked, name) and time.monotonic() < until[0] else Pass()

    server.proxy.rule = down
    url_list = write_list(tmp_path / "list.txt", urls(fresh_site, 300))
    running = Running([*options(url_list, name), "--thread_count=8"], server.environment)
    running.until_it_says("waiting for up to 10 minutes", 60)
    asked = len(fresh_site.requests)
    tries = count_writes(server, name)
    running.until(lambda: count_writes(server, name) > tries, "another try to store")
    assert len(fresh_site.requests) == asked, "what cannot be stored is not fetched"
    assert asked < 200
    until[0] = 0

    assert running.end() == 0, running.errors
    assert "going on after" in running.errors
    assert len(fresh_site.requests) == 300
    assert shards_done(server, name) == 60


def test_a_list_that_is_not_reached_for_a_while_is_waited_for(
    server: S3Server, name: str, tmp_path: Path, site: Site
) -> None:
    pq.write_table(pa.table({"url": urls(site, 100)}), tmp_path / "a.parquet", row_group_size=10)
    server.put(f"lists/{name}/a.parquet", (tmp_path / "a.parquet").read_bytes())
    seen: list[Asked] = []
    up = [False]

    def down(asked: Asked) -> Fate:
        if asked.method != "GET" or "/lists/" not in asked.path or up[0]:
            return Pass()
        seen.append(asked)
        return Pass() if len(seen) <= 3 else Drop()  # the parent has planned it by then

    server.proxy.rule = down
    command = [*options(f"s3://{BUCKET}/lists/{name}", name), "--input_format=parquet"]
    running = Running(command, server.environment)
    running.until_it_says("url_list cannot be read since", 60)
    up[0] = True

    assert running.end() == 0, running.errors
    assert shards_done(server, name) == 20


@pytest.mark.parametrize(
    "case",
    [
        (Refuse(503, "SlowDown"), "SlowDown, says the proxy (tried for 1 second)"),
        (Refuse(400, "ExpiredToken"), "the credentials have expired"),
    ],
)
def test_a_store_that_keeps_saying_no_stops_the_run_and_the_same_command_goes_on(
    case: tuple[Refuse, str], server: S3Server, name: str, tmp_path: Path, site: Site
) -> None:
    fate, text = case
    stored = Counter[str]()

    def no(asked: Asked) -> Fate:
        stored[asked.path] += writing(asked, name)
        return fate if writing(asked, name) and len(+stored) > 5 else Pass()

    server.proxy.rule = no
    url_list = write_list(tmp_path / "list.txt", urls(site))
    command = [*options(url_list, name), "--max_storage_wait=1"]

    code, errors = run(command, server.environment)

    assert code == 1, errors
    assert text in errors.splitlines()[-1]
    assert 1 <= shards_done(server, name) <= 2

    server.proxy.rule = nothing
    code, errors = run(command, server.environment)

    assert code == 0, errors
    assert shards_done(server, name) == 4


SMALL_PARTS = {"FSSPEC_S3_DEFAULT_BLOCK_SIZE": str(5 * 2**20)}


def big(site: Site) -> list[str]:
    return [site.url(f"/image/{n}.png?padding=4000000") for n in range(4)]


def untouched(url_list: Path, name: str) -> list[str]:
    return [*options(url_list, name), "--disable_all_reencoding", "--encode_format=png"]


def test_an_upload_in_parts_that_fails_is_aborted_and_begun_again(
    server: S3Server, name: str, tmp_path: Path, site: Site
) -> None:
    failed: list[Asked] = []

    def once(asked: Asked) -> Fate:
        if "partNumber" in asked.query and asked.query["partNumber"] == ["2"] and len(failed) < 8:
            failed.append(asked)
            return Refuse(403, "InvalidToken")
        return Pass()

    server.proxy.rule = once
    url_list = write_list(tmp_path / "list.txt", big(site))
    code, errors = run(untouched(url_list, name), {**server.environment, **SMALL_PARTS})

    assert failed
    assert code in {0, 1}, errors
    assert server.uploads(name) == []
    server.proxy.rule = nothing
    code, errors = run(untouched(url_list, name), {**server.environment, **SMALL_PARTS})
    assert code == 0, errors
    assert shards_done(server, name) == 1
    assert server.uploads(name) == []


def test_an_upload_in_parts_of_a_killed_run_is_ended_by_the_next_and_no_other_is(
    server: S3Server, name: str, tmp_path: Path, site: Site
) -> None:
    for key in (f"{name}/of-others", f"{name}-beside/00000.tar"):
        server.client.create_multipart_upload(Bucket=BUCKET, Key=key)
    held = [True]

    def hold(asked: Asked) -> Fate:
        return Pass(delay=20.0) if held[0] and asked.query.get("partNumber") == ["2"] else Pass()

    server.proxy.rule = hold
    url_list = write_list(tmp_path / "list.txt", big(site))
    environment = {**server.environment, **SMALL_PARTS}
    running = Running(untouched(url_list, name), environment)
    running.until(lambda: f"{name}/00000.tar" in server.uploads(name), "an upload in parts")
    running.process.kill()
    running.end()
    held[0] = False
    server.proxy.rule = nothing

    code, errors = run(untouched(url_list, name), environment)

    assert code == 0, errors
    assert sorted(server.uploads(name)) == [f"{name}-beside/00000.tar", f"{name}/of-others"]
    assert len(server.read(f"{name}/00000.tar")) > 16_000_000


def test_going_on_takes_a_listing_and_no_request_for_each_shard(tmp_path: Path, site: Site) -> None:
    rows = [f"http://127.0.0.1:1/{n}.jpg" for n in range(1100)]
    url_list = write_list(tmp_path / "list.txt", [*rows, *urls(site, 1)])
    with S3Server(filled=("out", 1100)) as server:
        command = [*options(url_list, "out"), "--number_sample_per_shard=1"]
        code, errors = run(command, server.environment)

        assert code == 0, errors
        assert server.keys("out/01100.tar")
        server.proxy.asked.clear()
        code, errors = run(command, server.environment)

        assert code == 0, errors
        assert "nothing to do" in errors
        pages = [each for each in server.proxy.asked if each.query.get("prefix") == ["out/"]]
        listings = [each for each in pages if "list-type" in each.query]
        assert len(listings) <= 8, "twice four pages of 1,000 names"
        assert len(server.proxy.asked) < 70, "of the folder as a whole, not of its 1,100 shards"


def test_a_second_run_on_the_same_folder_is_refused_and_a_dead_one_is_not_waited_for(
    server: S3Server, name: str, tmp_path: Path, site: Site
) -> None:
    slow = [site.url(f"/slow?seconds=0.3&n={n}") for n in range(100)]
    command = [*options(write_list(tmp_path / "list.txt", slow), name), "--thread_count=2"]
    first = Running(command, server.environment)
    first.until(lambda: shards_done(server, name) > 0, "a shard")

    code, errors = run(command, server.environment)
    assert code == 2
    assert "another run is writing there" in errors

    first.process.kill()
    first.end()
    second = Running(command, server.environment)
    second.until_it_says("webdataset into")  # it would wait for a lock longer than this does
    second.process.send_signal(signal.SIGINT)
    assert second.end() == 130
    hidden = f"{name}/.img2dataset/"
    assert [key.removeprefix(hidden) for key in server.keys(hidden)] == ["identity"]


def test_without_s3fs_the_command_says_what_to_install(tmp_path: Path) -> None:
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    (hiding / "s3fs.py").write_text("raise ModuleNotFoundError('hidden', name='s3fs')")
    url_list = write_list(tmp_path / "list.txt", ["http://127.0.0.1:1/"])
    code, errors = run(options(url_list, "x"), {"PYTHONPATH": str(hiding), **KEYS})

    assert code == 2
    assert "pip install 'img2dataset[s3]'" in errors
    assert os.environ.get("AWS_ACCESS_KEY_ID") is None, "nothing here is by accident"
