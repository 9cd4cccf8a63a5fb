"""What a run pays for before its first download."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def imported_by(code: str, *wanted: str) -> list[str]:
    """Which of these modules a fresh process has imported after `code`."""
    script = f"{code}\nimport sys; print(*sorted({set(wanted)!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.slow
def test_a_run_imports_nothing_large_before_its_workers_start() -> None:
    assert not imported_by("import img2dataset.run.main", "numpy", "pyarrow", "fsspec", "orjson")


@pytest.mark.slow
def test_a_txt_list_is_read_without_what_other_lists_need(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("http://a/1.jpg\nhttp://a/2.jpg\n")
    code = f"""
from img2dataset.sources import SourceConfig, open_source
source = open_source({str(tmp_path / "a.txt")!r}, SourceConfig("txt", "url"))
assert [shard.count for shard in source.shards(10)] == [2]
"""
    large = ("pyarrow.compute", "pyarrow.parquet", "fsspec", "pandas", "orjson", "asyncio")

    assert imported_by(code, "pyarrow", *large) == ["pyarrow"]


@pytest.mark.slow
def test_a_worker_imports_no_library_that_its_images_may_not_need() -> None:
    large = ("cv2", "PIL", "exifread", "fsspec", "pyarrow.compute", "pandas", "asyncio", "protego")
    others = (
        "numpy",
        "http_sf",
        "img2dataset.retry.shard",
        "img2dataset.dataset.shard_lock",
        "img2dataset.dataset.run_lock",
    )
    code = """
from img2dataset.process.startup import start_minimal
start_minimal()
import img2dataset.worker.main
"""
    assert not imported_by(code, *large, *others)


LEAN = """
from img2dataset.process.startup import start_minimal
start_minimal()
import gc, os
assert gc.get_threshold()[0] > 10_000
try:
    import pandas
except ModuleNotFoundError:
    print(os.environ["OPENBLAS_NUM_THREADS"], end=" ")
import pyarrow
pyarrow.array(["x"])
import sys
assert "numpy" not in sys.modules
import numpy
assert pyarrow.py_buffer(numpy.zeros(3, numpy.uint8)).to_pybytes() == bytes(3)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "threads"), [(None, "1"), ("3", "3")])
def test_a_minimal_process_has_no_pandas_and_no_threads_for_algebra(
    asked: str | None, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", asked)

    assert imported_by(LEAN, "pandas") == [threads]


@pytest.mark.slow
def test_a_call_from_python_leaves_the_callers_process_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    code = """
from img2dataset.cli.command import main
assert main(["--url_list=/nowhere.txt", "--output_folder=/nowhere/out"]) == 2
import os
assert "OPENBLAS_NUM_THREADS" not in os.environ
import pandas
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
