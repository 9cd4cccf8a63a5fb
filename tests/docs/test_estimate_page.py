"""The commands of docs/estimate.md work as they stand there, one after the other: the path of a new
user from a list to a dataset whose failures are retried."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs_examples import ROOT
from tests.site import Site

PAGE = (ROOT / "docs" / "estimate.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_what_the_page_shows_works(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said = []
    with Site() as site:
        urls = [site.url(f"/image/{n}.jpg") for n in range(26)]
        urls += [site.url("/status/404"), site.url("/flaky/1.jpg?fail=2"), site.url("/status/503")]
        (tmp_path / "urls.txt").write_text("\n".join(urls))
        for language, code in BLOCKS:
            command = (
                ["bash", "-e", "-c", code] if language == "bash" else [sys.executable, "-c", code]
            )
            done = subprocess.run(
                command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True,
                text=True, timeout=90, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{code}\n{done.stderr}"
            said.append(done.stdout + done.stderr)

    assert "29 of 29 rows were fetched" in said[0]
    assert "20 of 29 rows were fetched" in said[1]
    assert (tmp_path / "images" / "00000.tar").exists()
    assert (tmp_path / "images-report.html").exists()
    assert "/status/404" in (tmp_path / "failed.csv").read_text()
    assert "/status/503" in said[4]
