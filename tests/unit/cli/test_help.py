"""--help."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from img2dataset.cli.help import make_help
from img2dataset.options import Group, Options


def test_help_has_every_option_and_group_in_80_columns() -> None:
    text = make_help()

    assert all(f"{group.value}:\n" in text for group in Group)
    for declared in fields(Options):
        switch = f"--[no]{declared.name}  [default: {declared.default}]"
        with_value = (f"--{declared.name}=", f"--{declared.name}[=N]")
        assert any(each in text for each in with_value) or switch in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_says_where_to_read_more() -> None:
    docs = Path(__file__).parents[3] / "docs"
    pages = re.findall(r"\w+\.md", make_help().partition("which leads to docs/")[2])

    assert len(pages) == 7
    assert all((docs / page).exists() for page in pages)


@pytest.mark.slow
def test_help_imports_nothing_heavy() -> None:
    heavy = "numpy pyarrow cv2 PIL rich pycurl fsspec orjson simplejpeg wandb yaml pandas asyncio"
    script = (
        "import sys; from img2dataset.cli.command import main; code = main(['--help']); "
        f"sys.exit(' '.join(set({heavy.split()!r}) & set(sys.modules)) or code)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("img2dataset ")
