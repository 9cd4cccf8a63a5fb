"""docs/extending.md: the image format that the page adds is a format like the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs_examples import ROOT, Tree, changes_in, section, stated_count

TEXT = section(
    (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"), "How to add an image format"
)
CHANGES = changes_in(TEXT)
MIN_TESTS = 20


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(tmp_path_factory.mktemp("tree"))
    tree.apply(CHANGES)
    return tree


def test_the_page_says_how_many_files_it_touches() -> None:
    assert len({change.path for change in CHANGES}) == stated_count(TEXT)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tests_of_all_formats_run_over_the_new_one(tree: Tree) -> None:
    said = tree.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "farbfeld",
        "tests/unit/images", "tests/unit/test_signatures.py",
    )  # fmt: skip

    passed = int(said.splitlines()[-1].partition(" passed")[0])
    assert passed > MIN_TESTS, said


@pytest.mark.slow
def test_the_style_is_that_of_the_project(tree: Tree) -> None:
    changed = sorted({change.path for change in CHANGES if Path(change.path).suffix == ".py"})
    tree.run("-m", "ruff", "check", "--no-cache", *changed)
    tree.run("-m", "ruff", "format", "--no-cache", "--check", *changed)
