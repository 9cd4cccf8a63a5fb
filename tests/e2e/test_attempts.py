"""Several attempts at the same shard at once, as on a cluster: what is stored is of one of them."""

from __future__ import annotations

import json
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.dataset.lease import LeaseTimes
from img2dataset.dataset.shard_lock import FILE_POLL_S, acquire_shard_lock
from img2dataset.distributors.tasks import TaskOutcome, do_task
from img2dataset.errors import LeaseLostError
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.records import Shard
from img2dataset.sources import SourceConfig
from img2dataset.storage.folder import Folder
from tests.e2e.dataset import Dataset
from tests.site import Site
from tests.stores.s3 import BUCKET, S3Server

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("s3_environment")]

ROWS = 24


def attempts(site: Site, output_folder: str, output_format: str, count: int) -> list[TaskOutcome]:
    """The same shard, `count` times at once; each row has an image for every other who asks."""
    urls = [site.url("/flaky", token=f"{n}", fail=0) for n in range(ROWS // 2)]
    urls += [site.url("/first-come", token=f"{n + ROWS}") for n in range(ROWS // 2)]
    options = Options(
        None, output_folder=output_folder, output_format=output_format, image_size=32,
        number_sample_per_shard=ROWS, max_connections_per_host=2,
    )  # fmt: skip
    job = Job(options, SourceConfig.of(options), concurrent_attempts=True)
    shard = Shard(0, ROWS, pa.table({"url": urls}))
    data = pickle.dumps([shard])
    with ThreadPoolExecutor(count) as pool:
        waiting = [
            pool.submit(do_task, "img2dataset.worker.main:serve", job, data) for _ in range(count)
        ]
        return [one.result() for one in waiting]


def check_of_one_attempt(folder: Path, outcomes: list[TaskOutcome]) -> None:
    (stats,) = Dataset(folder).stats
    kept = {row["key"] for row in Dataset(folder).rows if row["status"] == "success"}
    images = set(folder.glob("00000/*.jpg"))
    names = {path.stem for path in images} or {
        name.partition(".")[0] for name in Dataset(folder).members()
    }
    assert names == kept
    assert stats["successes"] == len(kept)
    for outcome in outcomes:
        assert outcome.errors == {}
        (result,) = outcome.stored
        assert result.tally.successes == len(kept), "every attempt says what is stored"
        assert result.tally.reasons.total() == ROWS - len(kept)


@pytest.mark.parametrize("output_format", ["webdataset", "files"])
def test_attempts_at_once_store_one_of_them_in_a_folder(
    fresh_site: Site, tmp_path: Path, output_format: str
) -> None:
    outcomes = attempts(fresh_site, str(tmp_path), output_format, 3)

    check_of_one_attempt(tmp_path, outcomes)
    assert list((tmp_path / ".img2dataset/turns").iterdir()) == []
    assert list((tmp_path / ".img2dataset/parts").iterdir()) == []


@pytest.mark.parametrize("output_format", ["webdataset", "files"])
def test_attempts_at_once_store_one_of_them_in_an_object_store(
    fresh_site: Site, tmp_path: Path, server: S3Server, name: str, output_format: str
) -> None:
    outcomes = attempts(fresh_site, f"s3://{BUCKET}/{name}", output_format, 3)

    folder = server.fetch(name, tmp_path / "stored")
    check_of_one_attempt(folder, outcomes)
    assert not (folder / ".img2dataset").exists()


def test_a_shard_that_another_attempt_has_done_is_not_begun(
    fresh_site: Site, tmp_path: Path
) -> None:
    stats = {
        "count": ROWS, "successes": 20, "failed_to_download": 3, "failed_to_resize": 1,
        "duration": 1.0, "start_time": 1.0, "end_time": 2.0,
        "status_dict": {"success": 20, "HTTP Error 404: Not Found": 3, "image too small": 1},
    }  # fmt: skip
    (tmp_path / "00000_stats.json").write_text(json.dumps(stats))

    (outcome,) = attempts(fresh_site, str(tmp_path), "webdataset", 1)

    assert fresh_site.requests == []
    (result,) = outcome.stored
    assert result.tally.successes == 20
    assert result.tally.reasons == {"http_status": 3, "too_small": 1}


@pytest.mark.parametrize("place", ["folder", "store"])
def test_only_one_is_in_its_turn(tmp_path: Path, name: str, place: str) -> None:
    url = str(tmp_path) if place == "folder" else f"s3://{BUCKET}/{name}"
    inside: list[int] = []
    most = []

    def take_turns() -> None:
        with acquire_shard_lock(Folder(url), "00000"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(FILE_POLL_S)
            inside.pop()

    threads = [threading.Thread(target=take_turns) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1, 1, 1]
    assert Folder(url).names(".img2dataset/turns") == []


def test_the_turn_of_a_dead_worker_at_an_object_store_ends(
    name: str,
) -> None:
    times = LeaseTimes(heartbeat_s=5.0, timeout_s=0.1, poll_s=0.1)
    folder = Folder(f"s3://{BUCKET}/{name}")
    assert folder.create(".img2dataset/turns/00000", b"of somebody who is gone")

    with acquire_shard_lock(folder, "00000", times):
        assert folder.read(".img2dataset/turns/00000") != b"of somebody who is gone"
    assert not folder.exists(".img2dataset/turns/00000")


def test_a_live_worker_keeps_its_turn_at_an_object_store(
    name: str,
) -> None:
    # a busy machine may keep its heartbeat back for a second or two
    times = LeaseTimes(heartbeat_s=0.5, timeout_s=4.0, poll_s=0.1, acquire_s=6.0)
    folder = Folder(f"s3://{BUCKET}/{name}")

    with (
        acquire_shard_lock(folder, "00000", times),
        pytest.raises(TimeoutError),
        acquire_shard_lock(Folder(folder.url), "00000", times),
    ):
        pass


def test_a_parquet_table_says_what_its_attempt_found(tmp_path: Path, fresh_site: Site) -> None:
    attempts(fresh_site, str(tmp_path), "webdataset", 1)

    statuses = pq.read_table(tmp_path / "00000.parquet").column("status").to_pylist()
    assert statuses.count("success") == ROWS


@pytest.mark.parametrize("content", [b"", b"new"], ids=["empty", "small"])
def test_an_upload_that_arrives_late_replaces_nothing(
    server: S3Server, name: str, content: bytes
) -> None:
    """A lease that is lost is seen before what the other attempt has stored is removed."""
    server.put(f"{name}/00000.tfrecord", b"of the other attempt")
    checks = iter([True])

    def check_lease() -> None:
        if not next(checks, False):
            raise LeaseLostError

    folder = Folder(f"s3://{BUCKET}/{name}", concurrent_attempts=True)
    pending = folder.begin("00000.tfrecord")
    pending.file.write(content)
    with folder.guarded(check_lease), pytest.raises(LeaseLostError):
        pending.commit()
    pending.abort()

    assert server.read(f"{name}/00000.tfrecord") == b"of the other attempt"
