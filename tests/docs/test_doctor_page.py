"""The commands of docs/doctor.md work as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs_examples import ROOT

PAGE = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_what_the_page_shows_works(tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text("http://127.0.0.1/1.jpg\n")  # no name to resolve
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shown = ""
    for code in BLOCKS:
        done = subprocess.run(
            ["bash", "-c", code], cwd=tmp_path, env={**os.environ, "PATH": path},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1)  # this machine may have something to do
        assert done.stderr == ""
        shown += done.stdout

    subjects = [line[6:].partition(":")[0] for line in shown.splitlines()]
    assert {each for each in subjects if f"| {each} |" not in PAGE} == set()
    assert "(hidden)" in (tmp_path / "report.txt").read_text()
