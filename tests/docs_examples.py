"""The worked examples of a page, carried out on a copy of the tree.

A fenced block is a change if the paragraph before it is one of these lines:

    New file `src/img2dataset/formats/x.py`:
    In `src/img2dataset/options.py`, after `the whole line`:
    In `src/img2dataset/options.py`, before `the whole line`:
    In `src/img2dataset/options.py`, instead of `the whole line`:
    At the end of `docs/images.md`:

A line is named without its indentation, and stands in its file once; the block has its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("src", "tests", "docs", "README.md", "Makefile", "pyproject.toml")
CHANGE = re.compile(
    r"^(?:New file `(?P<new>[^`\n]+)`"
    r"|In `(?P<edited>[^`\n]+)`, (?P<how>after|before|instead of) `(?P<line>[^`\n]+)`"
    r"|At the end of `(?P<ended>[^`\n]+)`):\n\n```\w*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
COUNT = re.compile(r"\*\*(\d+) files?\*\*")
TIMEOUT_S = 300


@dataclass(frozen=True)
class Change:
    """One file that is made or edited."""

    path: str
    how: str
    """new, after, before, instead of, end"""
    line: str
    """The line of the file that an edit refers to."""
    text: str

    def applied_to(self, content: str) -> str:
        """The file's content with the change.

        Raises:
            ValueError: the line does not stand in it exactly once.
        """
        if self.how in ("new", "end"):
            return content + self.text
        lines = content.splitlines(keepends=True)
        found = [number for number, line in enumerate(lines) if line.strip() == self.line]
        if len(found) != 1:
            raise ValueError(f"{self.path}: {len(found)} lines are {self.line!r}, not 1")
        first = found[0] + (self.how == "after")
        end = found[0] + (self.how != "before")
        return "".join((*lines[:first], self.text, *lines[end:]))


def section(page: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    parts = re.split(r"^## (.+)\n", page, flags=re.MULTILINE)
    return parts[parts.index(heading) + 1]


def changes_in(text: str) -> list[Change]:
    """The changes that a text shows, in its order."""
    return [
        Change(
            path=match["new"] or match["edited"] or match["ended"],
            how="new" if match["new"] else match["how"] or "end",
            line=match["line"] or "",
            text=match["text"],
        )
        for match in CHANGE.finditer(text)
    ]


def stated_count(text: str) -> int:
    """How many files the text says it touches: the first number in bold before "files"."""
    match = COUNT.search(text)
    assert match is not None, "the text does not say **N files**"
    return int(match[1])


class Tree:
    """A copy of the tree, and its Python."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(
                    ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(ROOT / name, root / name)

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            path = self.root / change.path
            assert path.exists() == (change.how != "new"), change.path
            content = path.read_text(encoding="utf-8") if path.exists() else ""
            path.write_text(change.applied_to(content), encoding="utf-8")

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run Python with these arguments in the tree; what it said, on both streams."""
        paths = os.pathsep.join(map(str, (self.root / "src", self.root)))
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.root, env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S,
            check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{arguments}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout
