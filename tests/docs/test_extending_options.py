"""docs/extending.md: the option and the reason that the page adds are like the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docs_examples import ROOT, Tree, changes_in, section, stated_count
from tests.site import Site

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
OPTION = section(PAGE, "How to add an option")
REASON = section(PAGE, "How to add a reason")
PIXEL = b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + bytes(6) + b"!\xf9\x04\x01" + bytes(20)


@pytest.fixture(scope="module")
def with_option(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(tmp_path_factory.mktemp("option"))
    tree.apply(changes_in(OPTION))
    tree.run("docs/generate.py")
    return tree


@pytest.fixture(scope="module")
def with_reason(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(tmp_path_factory.mktemp("reason"))
    tree.apply(changes_in(REASON))
    tree.run("docs/generate.py")
    return tree


@pytest.mark.parametrize("text", [OPTION, REASON], ids=["option", "reason"])
def test_the_page_says_how_many_files_it_touches(text: str) -> None:
    assert len({change.path for change in changes_in(text)}) == stated_count(text)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_new_option_is_known_everywhere(with_option: Tree) -> None:
    shown = with_option.run("-m", "img2dataset", "--help")
    assert "--min_image_bytes=N  [default: 0]\n      refuse bodies with fewer bytes" in shown
    assert "| `min_image_bytes` |" in (with_option.root / "docs" / "options.md").read_text("utf-8")
    stub = with_option.root / "src" / "img2dataset" / "_download.pyi"
    assert "min_image_bytes: int = 0," in stub.read_text("utf-8")
    helped = with_option.run("-c", "import img2dataset; help(img2dataset.download)")
    assert "min_image_bytes: refuse bodies with fewer bytes (default: 0)" in helped

    refused = with_option.run("-m", "img2dataset", "list.txt", "--min_image_bytes=-1", code=2)
    assert "min_image_bytes is -1: it must be 0 or more" in refused
    suites = (
        "tests/unit/test_options.py",
        "tests/unit/test_api.py",
        "tests/docs/test_reference.py",
    )
    with_option.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *suites)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_new_option_does_what_it_says(with_option: Tree, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Site() as site:
        (tmp_path / "list.txt").write_text(site.url("/image/1.jpg"))
        command = ("-m", "img2dataset", str(tmp_path / "list.txt"), f"--output_folder={out}")
        said = with_option.run(*command, "--min_image_bytes=1000000", code=1)
        assert "too_small (image too small)" in said
        # it shapes what is stored
        said = with_option.run(*command, "--min_image_bytes=10", code=2)
        assert "min_image_bytes (was 1000000, is 10)" in said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_new_reason_is_stored_counted_and_understood(with_reason: Tree, tmp_path: Path) -> None:
    page = (with_reason.root / "docs" / "reasons.md").read_text("utf-8")
    assert "| `body_too_small` | `body too small` | `failed_to_download` |" in page
    out = tmp_path / "out"
    with Site() as site:
        site.pictures["pixel"] = PIXEL
        (tmp_path / "list.txt").write_text(site.url("/picture/pixel"))
        said = with_reason.run(
            "-m", "img2dataset", str(tmp_path / "list.txt"), f"--output_folder={out}", code=1
        )  # fmt: skip
    assert "100% are body_too_small (body too small)" in said
    stats = json.loads((out / "00000_stats.json").read_text())
    assert stats["status_dict"] == {"body too small": 1}
    assert stats["failed_to_download"] == 1

    known = (
        "from img2dataset.messages import find_reason as find; print(find('body too small').value)"
    )
    assert with_reason.run("-c", known) == "body_too_small\n"
    with_reason.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "tests/unit/test_errors.py", "tests/unit/reports/test_words.py",
    )  # fmt: skip
