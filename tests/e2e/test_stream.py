"""`stream` for real: what it yields, how it ends, and what it leaves, which is nothing."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from img2dataset import (
    OptionError,
    RunError,
    SourceError,
    Stream,
    StreamSample,
    astream,
    download,
    stream,
)
from img2dataset.process.spawn import START_CODE
from tests.e2e.streams import leaving_nothing
from tests.processes import children, is_gone
from tests.site import Site
from tests.site.pictures import picture

pytestmark = pytest.mark.slow


def images(site: Site, count: int, path: str = "/image/{}.jpg") -> list[str]:
    return [site.url(path.format(number)) for number in range(count)]


def test_a_sample_is_what_download_stores_of_the_row(site: Site, tmp_path: Path) -> None:
    table = pa.table(
        {
            "link": [
                site.url("/exif/6.jpg"),
                site.url("/status/404"),
                site.url("/image/2.png"),
                None,
            ],
            "text": ["a cat", None, "ünï ☃", ""],
            "nested": [{"a": [1, 2]}, None, {"a": []}, {"a": None}],
        }
    )
    options: dict[str, Any] = {
        "url_col": "link", "caption_col": "text", "save_additional_columns": ["nested"],
        "save_fetch_metadata": True, "save_opt_out_signals": True, "number_sample_per_shard": 2,
        "image_size": 32,
    }  # fmt: skip
    report = download(table, output_folder=str(tmp_path), reporters=(), **options)
    with stream(table, failures="yield", **options) as samples:
        found = {sample.key: sample for sample in samples}

    rows = {row["key"]: row for row in report.rows()}
    assert found.keys() == rows.keys()
    for key, sample in found.items():
        wanted = dict(rows[key])
        assert list(sample.metadata) == list(wanted)
        for changing in ("fetched_at", "nested"):
            wanted.pop(changing)
        assert {name: sample.metadata[name] for name in wanted} == wanted
        assert (sample.url, sample.caption) == (wanted["url"], wanted["caption"])
        assert (sample.status, sample.error) == (wanted["status"], wanted["error_message"])
        stored = tmp_path / key[:5] / f"{key}.jpg"
        assert sample.image == (stored.read_bytes() if stored.exists() else None)
        if stored.exists():
            document = json.loads(stored.with_suffix(".json").read_bytes())
            assert document["nested"] == sample.metadata["nested"]
    assert Counter(sample.status for sample in found.values()) == Counter(
        success=2, failed_to_download=2
    )


def test_pixels_come_as_arrays_and_as_pillow_images(site: Site) -> None:
    with stream([site.url("/image/3.png?width=40&height=20")], resize_mode="no",
                encode_format="png") as samples:  # fmt: skip
        (sample,) = samples

    pixels = sample.array()
    assert pixels.shape == (20, 40, 3)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.asarray(sample.pil().convert("RGB")))


def test_rows_without_an_image_are_left_out_unless_asked_for(site: Site) -> None:
    urls = [*images(site, 5), site.url("/status/404")]
    with stream(urls) as samples:
        assert sorted(sample.key for sample in samples) == [f"00000000{n}" for n in range(5)]
        assert samples.tally.reasons == Counter(http_status=1)

    with stream(urls, failures="yield") as samples:
        failed = [sample for sample in samples if sample.image is None]
    assert [(each.url, each.error) for each in failed] == [(urls[-1], "HTTP Error 404: Not Found")]
    with pytest.raises(ValueError, match="000000005 has no image: HTTP Error 404"):
        failed[0].array()


def test_samples_come_in_list_order_if_asked_for(fresh_site: Site) -> None:
    urls = images(fresh_site, 60)
    urls[0] = fresh_site.url("/slow?seconds=0.5")
    with stream(urls, processes_count=2, number_sample_per_shard=7) as samples:
        assert next(samples).url != urls[0]
    with stream(urls, ordered=True, processes_count=2, number_sample_per_shard=7) as samples:
        assert [sample.url for sample in samples] == urls


def test_no_file_is_written(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with stream(images(site, 3)) as samples:
        assert len(list(samples)) == 3
    assert list(tmp_path.iterdir()) == []


def test_parquet_is_read_by_the_workers(site: Site, tmp_path: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    urls = images(site, 50)
    pq.write_table(pa.table({"url": urls, "id": range(50)}), tmp_path / "list.parquet")
    with stream(
        tmp_path / "list.parquet", input_format="parquet", save_additional_columns=["id"],
        processes_count=2, number_sample_per_shard=8,
    ) as samples:  # fmt: skip
        found = {sample.metadata["id"]: sample for sample in samples}
    assert [found[number].url for number in range(50)] == urls
    assert found[49].key == "000061"  # the second row of the seventh shard


def test_a_folder_of_images_is_a_list_too(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(picture(number, "jpg"))
    with stream(tmp_path / "photos", input_format="folder") as samples:
        assert len(list(samples)) == 3
    with pytest.raises(OptionError, match="'none'"), stream(["x"], url_schemes=["none"]) as samples:
        next(samples)


# -- back-pressure


def test_a_consumer_that_sleeps_holds_the_fetch_back(fresh_site: Site) -> None:
    size = 400_000
    urls = [f"{fresh_site.url('/bulk')}?size={size}&n={number}" for number in range(300)]
    options: dict[str, Any] = {"disable_all_reencoding": True, "prefetch_bytes": 20_000_000}
    with stream(urls, **options) as samples:
        next(samples)
        asked = -1
        while len(fresh_site.requests) != asked:  # until it stands still
            asked = len(fresh_site.requests)
            time.sleep(1)
        # one message and one body more than the limit, and what is in flight
        assert asked * size < 20_000_000 + 15_000_000
        assert 1 + len(list(samples)) == len(urls)  # and no row has failed meanwhile


def test_list_order_does_not_wait_for_itself_with_a_small_limit(fresh_site: Site) -> None:
    urls = [f"{fresh_site.url('/bulk')}?size=300000&n={number}" for number in range(80)]
    urls[0] = fresh_site.url("/slow?seconds=1")
    options: dict[str, Any] = {"disable_all_reencoding": True, "prefetch_bytes": 1_000_000}
    with stream(urls, ordered=True, **options) as samples:
        assert [sample.url for sample in samples] == urls


# -- the end


def consume(samples: Iterator[StreamSample]) -> None:
    next(samples)


def consume_and_fail(urls: list[str]) -> None:
    with stream(urls, timeout=60) as samples:
        raise ZeroDivisionError(next(samples).key)


def test_every_way_out_leaves_nothing(fresh_site: Site) -> None:
    urls = [*images(fresh_site, 20), fresh_site.url("/stall")]
    with stream(urls[:1]) as samples:  # what is imported and cached once
        list(samples)

    with leaving_nothing(), stream(urls, timeout=60) as samples:
        consume(samples)
    with leaving_nothing(), pytest.raises(ZeroDivisionError):
        consume_and_fail(urls)
    with leaving_nothing():
        for sample in stream(urls, timeout=60, prefetch_bytes=1_000_000):
            assert sample.image
            break  # it is collected
        del sample
        gc.collect()
    with leaving_nothing():
        assert len(list(stream(urls[:-1]))) == 20
    with leaving_nothing(), stream(urls) as samples:
        pass  # nothing was asked for


def test_ending_takes_less_than_a_second(fresh_site: Site) -> None:
    urls = [*images(fresh_site, 20), fresh_site.url("/stall")]
    samples = stream(urls, timeout=60)
    next(samples)
    begun = time.monotonic()
    samples.close()
    # the promise is a second; the machine may be busy
    assert time.monotonic() - begun < 5
    assert list(samples) == []


SCRIPT = """\
import os, signal, sys, time
from img2dataset import stream
samples = stream(sys.argv[1:], timeout=60)
next(samples)
print("ready", flush=True)
{end}
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("next(samples)", -signal.SIGINT),
        ("time.sleep(60)", -signal.SIGKILL),
        ("sys.exit(5)", 5),
    ],
)
def test_the_end_of_the_consumers_process_ends_the_workers(
    fresh_site: Site, end: str, code: int
) -> None:
    urls = [fresh_site.url("/image/1.jpg"), fresh_site.url("/stall")]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(end=end), *urls], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    workers = children(process.pid)
    if code < 0:
        assert workers
        time.sleep(0.2)  # into next()
        process.send_signal(-code)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == code, said
    deadline = time.monotonic() + 5
    while not all(map(is_gone, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert all(map(is_gone, workers))
    if code == -signal.SIGINT:
        assert said.rstrip().endswith("KeyboardInterrupt")


# -- errors


def test_an_error_of_the_list_is_raised_with_the_first_sample(tmp_path: Path) -> None:
    with (
        pytest.raises(OptionError, match=r"nowhere\.csv"),
        stream(tmp_path / "nowhere.csv") as samples,
    ):
        next(samples)


def test_a_list_that_breaks_off_is_raised_after_the_samples_before(
    site: Site, tmp_path: Path
) -> None:
    import gzip  # noqa: PLC0415

    lines = [*images(site, 30), *(f"none:{os.urandom(1000).hex()}" for _ in range(4000))]
    whole = gzip.compress("\n".join(lines).encode())
    (tmp_path / "list.txt.gz").write_bytes(whole[: len(whole) * 9 // 10])
    found: list[StreamSample] = []
    samples = stream(tmp_path / "list.txt.gz", input_format="txt.gz", number_sample_per_shard=30)
    with leaving_nothing(), pytest.raises(SourceError, match=r"list\.txt\.gz"):
        found.extend(iter(lambda: next(samples), None))
    assert len(found) == 30


def kill_workers() -> None:
    """Kill the workers of the stream, and no server of other tests in this process."""
    workers = [pid for pid in children(os.getpid()) if is_worker(pid)]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


def is_worker(pid: int) -> bool:
    return START_CODE.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_rows_of_a_worker_that_died_come_once(fresh_site: Site) -> None:
    urls = [*images(fresh_site, 200), fresh_site.url("/slow?seconds=2")]
    with stream(urls, failures="yield") as samples:
        found = [next(samples).url for _ in range(100)]
        kill_workers()
        found += [sample.url for sample in samples]
    assert Counter(found) == Counter(urls)
    assert samples.tally.count == samples.tally.successes == len(urls)


def test_in_list_order_a_worker_that_died_holds_up_nothing_for_ever(fresh_site: Site) -> None:
    urls = [*images(fresh_site, 100), fresh_site.url("/slow?seconds=1"), *images(fresh_site, 99)]
    options: dict[str, Any] = {"prefetch_bytes": 5_000_000, "number_sample_per_shard": 16}
    with stream(urls, ordered=True, **options) as samples:
        found = [next(samples).url for _ in range(20)]
        kill_workers()
        found += [sample.url for sample in samples]
    assert found == urls


def test_workers_that_do_not_start_are_raised(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with leaving_nothing(), pytest.raises(RunError, match="workers do not start"):
        list(stream(images(site, 2)))


# -- where it is used


def test_several_threads_share_a_stream(site: Site) -> None:
    urls = images(site, 60)
    found: list[Any] = []
    with stream(urls) as samples:
        threads = [
            threading.Thread(target=lambda: found.extend(s.url for s in samples)) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert Counter(found) == Counter(urls)


def test_asyncio_goes_on_while_samples_are_awaited(fresh_site: Site) -> None:
    urls = [*images(fresh_site, 30), fresh_site.url("/slow?seconds=0.5")]

    async def tick(ticks: list[float]) -> None:
        while True:
            ticks.append(time.monotonic())
            await asyncio.sleep(0.01)

    async def run() -> tuple[list[Any], list[float]]:
        ticks: list[float] = []
        ticking = asyncio.create_task(tick(ticks))
        async with astream(urls) as samples:
            found = [sample.url async for sample in samples]
        ticking.cancel()
        return found, ticks

    with leaving_nothing():
        found, ticks = asyncio.run(run())
    assert Counter(found) == Counter(urls)
    assert len(ticks) > 20


def test_a_task_that_is_cancelled_ends_its_stream(fresh_site: Site) -> None:
    urls = [fresh_site.url("/image/1.jpg"), fresh_site.url("/stall")]

    async def run() -> None:
        async with astream(urls, timeout=60) as samples:
            async with asyncio.timeout(60) if sys.version_info >= (3, 11) else NoTimeout():
                await anext(samples)
            await asyncio.wait_for(anext(samples), 0.2)

    with leaving_nothing(), pytest.raises((TimeoutError, asyncio.TimeoutError)):
        asyncio.run(run())


class NoTimeout:
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


IN_CHILD = """\
import multiprocessing, sys
from img2dataset import stream

def work(urls, found):
    with stream(urls) as samples:
        found.put(sorted(sample.key for sample in samples))

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    samples = stream(sys.argv[2:])
    first = next(samples)
    found = context.Queue()
    child = context.Process(target=work, args=(sys.argv[2:], found))
    child.start()
    print(found.get(timeout=30))
    child.join()
    print(child.exitcode, 1 + len(list(samples)))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_has_a_stream_of_its_own(site: Site, tmp_path: Path, method: str) -> None:
    (tmp_path / "script.py").write_text(IN_CHILD)
    done = subprocess.run(
        [sys.executable, "script.py", method, *images(site, 3)], cwd=tmp_path, timeout=60,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['000000000', '000000001', '000000002']\n0 3\n"


def test_the_stream_of_the_parent_is_refused_in_a_child(fresh_site: Site) -> None:
    samples = stream([fresh_site.url("/image/1.jpg"), fresh_site.url("/slow?seconds=0.5")])
    next(samples)
    pid = os.fork()
    if pid == 0:
        try:
            next(samples)
        except RuntimeError as error:
            samples.close()
            os._exit(7 if "belongs to another process" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert len(list(samples)) == 1  # the child has not ended it


# -- resuming


def test_a_stream_is_resumed_where_it_was(site: Site) -> None:
    urls = [*images(site, 80), site.url("/status/404")]
    options: dict[str, Any] = {"number_sample_per_shard": 30}
    with stream(urls, **options) as samples:
        first = [next(samples).url for _ in range(33)]
        state = json.loads(json.dumps(samples.state_dict()))
    with stream(urls, **options, image_size=64, ordered=True) as samples:
        samples.load_state_dict(state)
        assert samples.state_dict() == state
        second = [next(samples).url for _ in range(20)]
        state = samples.state_dict()
    with stream(urls, **options, failures="yield") as samples:
        samples.load_state_dict(state)
        third = [sample.url for sample in samples]
        assert samples.state_dict()["done"] == [[0, 81]]
    assert Counter(first + second + third) <= Counter(urls)
    assert set(first + second + third) >= set(urls[:-1])


def test_a_state_may_be_loaded_after_one_was_asked_for(site: Site) -> None:
    urls = images(site, 4)

    async def resume(state: dict[str, Any]) -> list[str | None]:
        async with astream(urls) as samples:
            assert samples.state_dict()["done"] == []
            samples.load_state_dict(state)
            return [sample.url async for sample in samples]

    with stream(urls, ordered=True) as samples:
        state = samples.state_dict()
        samples.load_state_dict({**state, "done": [[0, 3]]})
        samples.load_state_dict({**state, "done": [[0, 1]]})  # the last one counts
        assert samples.state_dict()["done"] == [[0, 1]]
        assert [sample.url for sample in samples] == urls[1:]
    assert asyncio.run(resume({**state, "done": [[1, 4]]})) == urls[:1]


def test_a_state_of_another_list_is_refused(site: Site) -> None:
    urls = images(site, 4)
    with stream(urls) as samples:
        next(samples)
        state = samples.state_dict()
    refusals = {
        "the state is of another list": stream(urls[:-1]),
        "number_sample_per_shard is 5, and was 10000": stream(urls, number_sample_per_shard=5),
    }
    for message, other in refusals.items():
        with other, pytest.raises(OptionError, match=message) as caught:
            other.load_state_dict(state)
        assert "\n" not in str(caught.value)
    with stream(urls) as samples:
        wrong: Any
        for wrong in ({"done": 3}, None):
            with pytest.raises(OptionError, match="not one that state_dict"):
                samples.load_state_dict(wrong)
        samples.load_state_dict(state)
        assert isinstance(samples, Stream)
        assert len(list(samples)) == 3
        with pytest.raises(RuntimeError, match="before the first sample"):
            samples.load_state_dict(state)
