"""The commands that docs/indexes.md shows work as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from img2dataset import verify
from img2dataset.options.choices import IndexKind
from tests.docs_examples import ROOT
from tests.site import Site

PAGE = (ROOT / "docs" / "indexes.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_what_the_page_shows_works(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with Site() as site:
        (tmp_path / "urls.csv").write_text(f"url,caption\n{site.url('/image/1.jpg')},a\n")
        for code in COMMANDS:
            result = subprocess.run(
                ["bash", "-e", "-c", code], cwd=tmp_path, capture_output=True, text=True,
                env={**os.environ, "PATH": path}, timeout=100, check=False,
            )  # fmt: skip
            assert result.returncode == 0, f"{code}\n{result.stderr}"

    rows = [line.split("|")[2:4] for line in PAGE.splitlines() if line.startswith("| ")]
    named = {cell.strip(" `/") for cells in rows for cell in cells if cell.startswith(" `")}
    assert named == {
        ".nv-meta",
        "00000.idx",
        "00000.json",
        "00000.tar.idx",
        "sizes.json",
        "wids.json",
    }
    assert all((tmp_path / "pairs" / name).exists() for name in named)
    assert verify(str(tmp_path / "pairs")).whole


def test_every_kind_is_on_the_page() -> None:
    assert [kind for kind in IndexKind.names() if f"| `{kind}` |" not in PAGE] == []
