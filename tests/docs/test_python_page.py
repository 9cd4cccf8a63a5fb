"""The code that docs/python.md shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import img2dataset
from img2dataset import Report
from tests.docs_examples import ROOT
from tests.site import Site

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_what_the_page_shows_works(tmp_path: Path) -> None:
    said = []
    with Site() as site:
        urls = [site.url("/image/1.jpg"), site.url("/status/404"), site.url("/image/2.jpg")]
        (tmp_path / "urls.txt").write_text("\n".join(urls))
        for code in BLOCKS:
            result = subprocess.run(
                [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                timeout=60, check=False,
            )  # fmt: skip
            assert (result.returncode, result.stderr) == (0, ""), code
            said.append(result.stdout)

    assert said[0] == "2 of 3\n"
    assert said[1] == "00000 2 of 3\nexit code 0\n"
    assert said[2].endswith(f"{urls[1]} HTTP Error 404: Not Found\n")


def test_every_name_of_the_report_on_the_page_is_one() -> None:
    section = PAGE.partition("## The report\n")[2].partition("```")[0]
    named = re.findall(
        r"`(\w+)(?:\(\))?`", "\n".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE))
    )

    assert named
    assert set(named) <= {*dir(Report), *(field.name for field in fields(Report))}


def test_every_exception_is_on_the_page() -> None:
    errors = [name for name in img2dataset.__all__ if name.endswith("Error")]

    assert [name for name in errors if f"`{name}`" not in PAGE] == []
