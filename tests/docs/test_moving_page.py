"""The page for users of 1.47.0 has every numbered difference, and names options that exist."""

from __future__ import annotations

import re
from dataclasses import fields

from img2dataset.errors import Reason
from img2dataset.options import Options
from tests.docs_examples import ROOT

DOCS = ROOT / "docs"
PAGE = (DOCS / "moving.md").read_text(encoding="utf-8")
PAGES = (
    "moving", "tasks", "captions", "resume", "low_success", "slow_runs", "manners", "formats",
    "private_sources", "s3", "reproduce", "published_lists", "stable", "safety", "exit_codes",
)  # fmt: skip
OF_COMMANDS = {
    "failed", "host", "reason", "output", "json", "deep", "repair", "run", "config",
    "print_config", "help", "flag", "upgrade",
}  # fmt: skip


def test_every_numbered_difference_is_on_the_page() -> None:
    numbered = re.findall(r"^\| (B\d+) \|", (DOCS / "differences.md").read_text(), re.MULTILINE)
    assert len(numbered) == 28
    assert [number for number in numbered if f"({number})" not in PAGE] == []


def test_options_that_the_pages_name_exist() -> None:
    known = {one.name for one in fields(Options)} | OF_COMMANDS
    for name in PAGES:
        page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        named = set(re.findall(r"(?<![\w-])--([a-z][a-z_0-9]+)", page))
        assert named - known == set(), name


def test_reasons_that_the_page_about_failures_names_exist() -> None:
    page = (DOCS / "low_success.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| (`.+?) \|", page, re.MULTILINE)
    named = set(re.findall(r"`([a-z_]+)`", "".join(first_cells)))
    assert len(named) > 10
    assert named <= {reason.value for reason in Reason}
