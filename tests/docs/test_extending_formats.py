"""docs/extending.md: the output format that the page adds is a format like the others."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.docs_examples import ROOT, Tree, changes_in, section, stated_count
from tests.site import Site

TEXT = section(
    (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"), "How to add an output format"
)
CHANGES = changes_in(TEXT)
SUITE = (
    "tests/contract/test_writers.py",
    "tests/unit/formats/test_formats.py",
    "tests/unit/retry/test_shard.py",
    "tests/e2e/test_verify.py",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(tmp_path_factory.mktemp("tree"))
    tree.apply(CHANGES)
    return tree


def test_the_page_says_how_many_files_it_touches() -> None:
    assert len({change.path for change in CHANGES}) == stated_count(TEXT)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_suites_of_all_formats_run_over_the_new_one(tree: Tree) -> None:
    said = tree.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "jsonl", *SUITE)

    passed = int(said.splitlines()[-1].partition(" passed")[0])
    assert passed > 60, said


@pytest.mark.slow
def test_the_reference_and_the_style_are_those_of_the_project(tree: Tree) -> None:
    tree.run("docs/generate.py")
    assert "mds, jsonl, dummy" in (tree.root / "docs" / "options.md").read_text(encoding="utf-8")

    new = [change.path for change in CHANGES]
    tree.run("-m", "ruff", "check", "--no-cache", *new)
    tree.run("-m", "ruff", "format", "--no-cache", "--check", *new)


@pytest.mark.slow
def test_a_download_is_stored_and_verified(tree: Tree, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Site() as site:
        urls = [site.url(f"/exif/{number}.jpg") for number in (1, 2, 3)]
        (tmp_path / "list.txt").write_text("\n".join([*urls, site.url("/status/404")]))
        tree.run(
            "-m", "img2dataset", str(tmp_path / "list.txt"), f"--output_folder={out}",
            "--output_format=jsonl", "--number_sample_per_shard=2", "--image_size=24",
        )  # fmt: skip

    stored = b"".join(path.read_bytes() for path in out.glob("*.jsonl"))
    lines = [json.loads(line) for line in stored.splitlines()]
    assert sorted(line["url"] for line in lines) == urls
    assert all(base64.b64decode(line["jpg"]).startswith(b"\xff\xd8") for line in lines)
    assert sum(pq.read_metadata(path).num_rows for path in out.glob("*.parquet")) == 4
    said = tree.run("-m", "img2dataset", "verify", str(out), "--deep")
    assert "whole: 2 shards, 4 rows, 3 images" in said

    (out / "00001.jsonl").write_bytes(b"")
    said = tree.run("-m", "img2dataset", "verify", str(out), code=1)
    assert "00001: jsonl: a success without its sample" in said
