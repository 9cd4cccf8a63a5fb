"""`--part i/N`: several runs make one dataset, in any order, at the same time, killed and again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset import OptionError, download
from tests.e2e.dataset import Dataset
from tests.site import Site
from tests.stores.s3 import BUCKET, S3Server

ROOT = Path(__file__).parents[2]
ROWS = 120
ROWS_PER_SHARD = 8
SHARDS = ROWS // ROWS_PER_SHARD
COMMAND = ["bash", str(ROOT / "docs" / "slurm.sh")]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    with Site() as site:
        urls = [site.url(f"/slow?seconds=0.3&n={number}") for number in range(ROWS)]
        table = pa.table({"url": urls, "caption": [f"no. {number}" for number in range(ROWS)]})
        pq.write_table(table, tmp_path / "urls.parquet")
        yield tmp_path


def environment(index: int, count: int) -> dict[str, str]:
    """What Slurm sets for one job of an array."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ, "PATH": path, "ROWS_PER_SHARD": str(ROWS_PER_SHARD),
        "SLURM_ARRAY_TASK_ID": str(index), "SLURM_ARRAY_TASK_COUNT": str(count),
    }  # fmt: skip


def start(place: Path, index: int, count: int = 3) -> subprocess.Popen[str]:
    return subprocess.Popen(
        COMMAND, cwd=place, env=environment(index, count), stderr=subprocess.PIPE, text=True
    )


def whole(place: Path, output: str = "dataset", **options: Any) -> tuple[Dataset, int]:
    report = download(
        str(place / "urls.parquet"), input_format="parquet", caption_col="caption",
        output_folder=str(place / output), output_format="webdataset",
        number_sample_per_shard=ROWS_PER_SHARD, **options,
    )  # fmt: skip
    assert report.complete
    return Dataset(place / output), report.shards_done


def done(place: Path) -> set[int]:
    return {int(path.name[:5]) for path in (place / "dataset").glob("*_stats.json")}


@pytest.mark.slow
def test_three_parts_side_by_side_one_killed_and_run_again_are_one_dataset(place: Path) -> None:
    parts = [start(place, index) for index in range(3)]
    deadline = time.monotonic() + 30
    while not any(shard % 3 == 1 for shard in done(place)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parts[1].send_signal(signal.SIGKILL)
    ends = [part.communicate(timeout=60)[1] for part in parts]

    assert [part.returncode for part in parts] == [0, -signal.SIGKILL, 0], ends
    left = set(range(1, SHARDS, 3)) - done(place)
    assert left, "it was killed before its end"
    assert set(range(SHARDS)) - done(place) == left

    again = start(place, 1)
    _, said = again.communicate(timeout=60)

    assert again.returncode == 0, said
    assert f"{len(left)} stored" in said
    dataset, shards_done = whole(place)
    assert shards_done == 0
    dataset.check_whole(ROWS)
    one_run, _ = whole(place, "one-run")
    assert dataset.members() == one_run.members()
    assert dataset.table.equals(one_run.table)


@pytest.mark.slow
def test_a_run_without_part_says_what_is_missing_and_does_it(place: Path) -> None:
    first = start(place, 0)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 0, said
    missing = SHARDS - len(range(0, SHARDS, 3))

    again = subprocess.run(
        [sys.executable, "-m", "img2dataset", "urls.parquet", "--output_folder=dataset",
         "--input_format=parquet", "--caption_col=caption", "--output_format=webdataset",
         f"--number_sample_per_shard={ROWS_PER_SHARD}"],
        cwd=place, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip

    assert again.returncode == 0, again.stderr
    assert f"{missing} of {SHARDS} shards were missing: 00001, 00002, 00004, " in again.stderr
    assert f"{missing} stored" in again.stderr
    Dataset(place / "dataset").check_whole(ROWS)


@pytest.mark.slow
def test_a_part_keeps_to_its_shards_and_to_what_it_left_itself(place: Path) -> None:
    folder = place / "dataset"
    _, shards_done = whole(place, part="1/3")
    assert shards_done == len(range(1, SHARDS, 3))
    for name in ("00002.tar", "00004.parquet"):
        (folder / name).write_text("half")
    (folder / "00004_stats.json").unlink()
    for part in ("0-of-3", "1-of-3"):
        (folder / f".img2dataset/parts-{part}").mkdir()

    _, shards_done = whole(place, part="1/3")

    assert shards_done == 1
    assert (folder / "00002.tar").read_text() == "half", "another part may be writing it"
    assert (folder / ".img2dataset/parts-0-of-3").exists()
    assert not (folder / ".img2dataset/parts-1-of-3").exists()


@pytest.mark.slow
def test_the_first_part_removes_nothing_that_it_cannot_have_left(place: Path) -> None:
    own = place / "dataset" / f"000{SHARDS + 1}.parquet"  # would be of part 1
    own.parent.mkdir()
    own.write_text("somebody's own")

    whole(place, part="1/3")

    assert own.exists()


@pytest.mark.slow
def test_parts_that_differ_are_refused_even_before_a_shard_is_done(place: Path) -> None:
    whole(place, part="2/3")
    for path in (place / "dataset").glob("*_stats.json"):
        path.unlink()

    with pytest.raises(OptionError, match="image_size"):
        whole(place, part="1/3", image_size=64)


@pytest.mark.parametrize("part", ["3/3", "0/0", "1", "-1/3", "1/3/4", "a/b", ""])
def test_a_part_that_is_none_is_refused(tmp_path: Path, part: str) -> None:
    with pytest.raises(OptionError, match="part is"):
        download("x.txt", output_folder=str(tmp_path), part=part)


@pytest.mark.parametrize("mode", ["overwrite", "extend", "retry"])
def test_a_part_may_not_change_what_others_do(tmp_path: Path, mode: Any) -> None:
    with pytest.raises(OptionError, match="a part may not change"):
        download("x.txt", output_folder=str(tmp_path), part="0/2", incremental_mode=mode)


@pytest.mark.slow
def test_the_commands_of_the_page_make_a_dataset(place: Path) -> None:
    said = ""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs/parts.md").read_text(), re.DOTALL)
    for code in blocks:
        done = subprocess.run(
            ["bash", "-e", "-c", code], cwd=place, env=environment(0, 1), capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        said += done.stderr
        assert done.returncode == 0, done.stderr

    assert said.count("nothing to do: the list has no shard for part") == 2
    assert "nothing to do: 1 shard in dataset was done before" in said
    Dataset(place / "dataset").check_whole(ROWS)


@pytest.mark.slow
@pytest.mark.usefixtures("s3_environment")
def test_parts_of_a_dataset_in_an_object_store(
    place: Path, tmp_path: Path, server: S3Server, name: str
) -> None:
    options: dict[str, Any] = {
        "input_format": "parquet", "caption_col": "caption", "image_size": 32,
        "output_folder": f"s3://{BUCKET}/{name}", "output_format": "webdataset",
        "number_sample_per_shard": ROWS_PER_SHARD,
    }  # fmt: skip
    urls = str(place / "urls.parquet")
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda i: download(urls, part=f"{i}/2", **options), range(2)))
    last = download(urls, **options)

    assert sum(report.shards_done for report in both) == SHARDS
    assert (last.shards_done, last.shards_skipped) == (0, SHARDS)
    dataset = Dataset(server.fetch(name, tmp_path / "copy"))
    hidden = {path.name for path in (dataset.folder / ".img2dataset").iterdir()}
    assert hidden == {"identity", "published", "accounts"}
    (dataset.folder / ".img2dataset" / "lock").touch()  # object stores have none
    dataset.check_whole(ROWS)
