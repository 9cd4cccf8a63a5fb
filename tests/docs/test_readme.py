"""The commands and the code that README.md shows work as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.options import Options
from img2dataset.records import key_digits, sample_key
from tests.site import Site

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", README.read_text(), re.DOTALL)
RUN_ELSEWHERE = {
    "make demo": "by .ci/run",
    "make test": "by .ci/run",
    "pip install .": "by .ci/run, through make",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a reader would be: with urls.txt and laion.parquet beside them."""
    folder = tmp_path_factory.mktemp("reader")
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(3)]
        (folder / "urls.txt").write_text("\n".join(urls))
        table = pa.table(
            {"URL": urls, "TEXT": ["a", "b", "c"], "similarity": [0.1, 0.2, 0.3], "hash": [1, 2, 3]}
        )
        pq.write_table(table, folder / "laion.parquet")
        yield folder


@pytest.mark.slow
def test_what_the_readme_shows_works(folder: Path) -> None:
    # one after the other, as a reader does: the last one loads what the one before made
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for language, code in BLOCKS:
        if any(code.startswith(start) for start in RUN_ELSEWHERE):
            continue
        command = ["bash", "-e", "-c", code] if language == "bash" else [sys.executable, "-c", code]
        result = subprocess.run(
            command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert result.returncode == 0, f"{code}\n{result.stderr}"
        if "report.successes" in code:
            assert result.stdout == "3 of 3 {}\n"


def test_the_key_in_the_reference_is_the_one_that_is_made() -> None:
    page = README.parent / "docs" / "formats.md"
    match = re.search(r"row (\d+) of shard (\d+) is `(\d+)`", page.read_text())
    assert match is not None
    options = Options("urls.txt")
    digits = key_digits(options.number_sample_per_shard)

    key = sample_key(int(match[2]), int(match[1]), digits, options.oom_shard_count)
    assert key == match[3]


def test_every_link_to_a_file_leads_somewhere() -> None:
    pages = [*README.parent.glob("*.md"), *(README.parent / "examples").glob("*.md")]
    pages += (README.parent / "docs").rglob("*.md")
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_a_page_of_decisions_says_what_checks_it() -> None:
    pages = sorted((README.parent / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{n:04d}" for n in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text()
        for heading in ("**Context.**", "**Decision.**", "**What checks it.**"):
            assert heading in text, f"{page.name} lacks {heading}"
