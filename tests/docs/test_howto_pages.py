"""The commands of the tutorial and of the how-to pages work as they stand there, one after the other."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.docs_examples import ROOT
from tests.site import Site

PAGES = (
    "captions", "low_success", "manners", "private_sources", "published_lists", "reproduce",
    "resume", "slow_runs",
)  # fmt: skip
BLOCK = re.compile(
    r"(?P<left><!-- not run: [^\n]+ -->\n)?^```(?P<language>bash|python)\n(?P<code>.*?)```",
    re.MULTILINE | re.DOTALL,
)
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def run_blocks(name: str, folder: Path) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for block in BLOCK.finditer(page):
        if block["left"]:
            continue
        code = block["code"]
        shell = ["bash", "-e", "-o", "pipefail"]
        command = (
            [*shell, "-c", code] if block["language"] == "bash" else [sys.executable, "-c", code]
        )
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "PATH": PATH}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{code}\n{done.stderr}"


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_shows_works(name: str, tmp_path: Path) -> None:
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(3)]
        (tmp_path / "urls.txt").write_text("\n".join([*urls, site.url("/status/404")]))
        (tmp_path / "pairs.tsv").write_text("".join(f"a caption\t{url}\n" for url in urls))
        columns = {
            "url": [*urls, urls[0]], "caption": ["a", "007", "c", "d"],
            "similarity": [0.1, 0.2, 0.3, 0.4], "hash": [1, 2, 3, 4],
        }  # fmt: skip
        pq.write_table(pa.table(columns), tmp_path / "urls.parquet")
        if name in ("reproduce", "private_sources"):  # which begin with a dataset
            command = "img2dataset --url_list=urls.txt --output_folder=images"
            subprocess.run(
                ["bash", "-c", command], cwd=tmp_path, env={**os.environ, "PATH": PATH},
                capture_output=True, check=True,
            )  # fmt: skip
        run_blocks(name, tmp_path)
    check = CHECKS.get(name)
    if check is not None:
        check(tmp_path)


def check_captions(folder: Path) -> None:
    assert (folder / "from-tsv/00000/000000000.txt").read_text() == "a caption"
    once = pq.read_table(folder / "once/00000.parquet").to_pylist()
    assert [row["all_captions"] for row in once] == [["a", "d"], ["007"], ["c"]]
    assert pq.read_table(folder / "similar/00000.parquet").num_rows == 3


def check_reproduction(folder: Path) -> None:
    rows = pq.read_table(folder / "same-bytes/00000.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["success"] * 3
    assert (folder / "again/00000_stats.json").exists()


CHECKS = {"captions": check_captions, "reproduce": check_reproduction}


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """The demo's site, as the second terminal of the tutorial has it."""
    (folder / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "demo.py", folder / "examples")
    command = [sys.executable, "examples/demo.py", "--serve"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert b"demo/list.csv is the list" in server.stdout.readline()
        try:
            yield
        finally:
            server.send_signal(signal.SIGINT)
    assert server.returncode == 0


def test_the_tutorial_works(tmp_path: Path) -> None:
    with serving(tmp_path):
        run_blocks("tutorial", tmp_path)
    assert (tmp_path / "first-report.html").exists()
    assert (tmp_path / "demo/tars/00000.tar").exists()
