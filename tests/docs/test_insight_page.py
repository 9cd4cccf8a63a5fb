"""The commands of docs/insight.md work as they stand there, one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from img2dataset import download
from img2dataset.reports.words import FailureClass
from tests.docs_examples import ROOT
from tests.site import Site

PAGE = (ROOT / "docs" / "insight.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_what_the_page_shows_works(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with Site() as site:
        urls = [site.url(f"/image/{n}.jpg") for n in range(6)] + [site.url("/status/404")]
        download(urls, output_folder=str(tmp_path / "images"), reporters=())
        for language, code in BLOCKS:
            command = (
                ["bash", "-e", "-c", code] if language == "bash" else [sys.executable, "-c", code]
            )
            done = subprocess.run(
                command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True,
                text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{code}\n{done.stderr}"

    made = {item.name for item in tmp_path.iterdir()}
    assert {
        "images-report.html",
        "failed.csv",
        "again.csv",
        "some",
        "findings.json",
        "page.html",
    } <= made
    assert len(list((tmp_path / "some").iterdir())) == 5
    assert (tmp_path / "images-again" / "00000_stats.json").exists()


def test_the_page_names_every_class() -> None:
    for kind in FailureClass:
        assert kind is FailureClass.UNKNOWN or f"| {kind.value} |" in PAGE
