"""The generated pages: never stale, and complete."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from docs.generate import ROOT, main, make_files, stale

from img2dataset.errors import Reason
from img2dataset.options import Options


def test_the_reference_is_not_stale() -> None:
    assert stale() == [], "run  python docs/generate.py"


def test_every_option_is_in_the_reference_once() -> None:
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")

    assert [page.count(f"| `{one.name}` |") for one in fields(Options)] == [1] * len(
        fields(Options)
    )


def test_every_reason_is_in_the_reference_once() -> None:
    page = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")

    assert [page.count(f"| `{reason.value}` |") for reason in Reason] == [1] * len(Reason)


def test_every_check_says_what_it_allows() -> None:
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")

    assert all(
        f"| `{one.name}` |" not in line or line.split(" | ")[4].strip()
        for one in fields(Options)
        if one.metadata["check"]
        for line in page.splitlines()
    )


def test_check_tells_fresh_pages_from_stale_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"], tmp_path) == 1
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    with (tmp_path / "docs" / "options.md").open("a", encoding="utf-8") as page:
        page.write("by hand")
    assert main(["--check"], tmp_path) == 1

    made = (path for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(make_files()) == sorted(str(path.relative_to(tmp_path)) for path in made)
    assert "stale: docs/options.md; run" in capsys.readouterr().err


def test_a_page_of_a_recipe_that_is_gone_is_stale(tmp_path: Path) -> None:
    main([], tmp_path)
    (tmp_path / "docs" / "datasets" / "renamed.md").write_text("of an earlier name")

    assert stale(tmp_path) == ["docs/datasets/renamed.md"]
