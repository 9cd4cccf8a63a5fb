"""The documentation site: it builds without a warning, needs no other host, and can be used by all."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs_examples import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("source", "src"), ("iframe", "src")}
"""Tags and attributes by which a browser loads something; a link (a) is for the reader to follow."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def build(root: Path) -> str:
    """Build the site of root/docs into root/site, as `make docs-site` does; return the warnings."""
    words = ("-q", "-n", "-W", "--keep-going", "-d", str(root / "kept"))
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words, str(root / "docs"), str(root / "site")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode != 0) == bool(done.stderr), done.stderr
    return done.stderr


class Loads(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if value and (tag, name) in LOADED]


def list_loads(site: Path) -> set[str]:
    """List the addresses of other hosts that pages, styles and scripts of the site load."""
    parser = Loads()
    for page in site.rglob("*.html"):
        parser.feed(page.read_text(encoding="utf-8"))
    found = parser.addresses
    for file in site.rglob("*.css"):
        text = re.sub(r"url\((['\"]?)data:.*?\1\)", "", file.read_text(encoding="utf-8"))
        found += re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")\s]+)", text)
    return {each for each in found if re.match(r"(?:https?:)?//", each)}


@contextmanager
def open_pages(width: int, scheme: Any) -> Iterator[tuple[Page, list[str]]]:
    """A browser's page, and what goes wrong on it: messages, requests to other hosts."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (slow to import)

    events: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("request", lambda request: events.append(request.url))
        yield page, events
        browser.close()


def check_in_a_browser(site: Path, width: int, scheme: Any, names: Sequence[str]) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  (slow to import)

    with open_pages(width, scheme) as (page, events):
        for name in names:
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == width, name
            background = page.evaluate("getComputedStyle(document.body).backgroundColor")
            is_dark = sum(map(int, re.findall(r"\d+", background)[:3])) < 200
            assert is_dark == (scheme == "dark")
            found = Axe().run(page).response["violations"]
            grave = [each for each in found if each["impact"] in ("serious", "critical")]
            shown = [(each["id"], each["nodes"][0]["html"][:200]) for each in grave]
            assert shown == [], name
        page.goto((site / "tutorial.html").as_uri())
        assert page.locator("button.copybtn").count() > 4
        assert [event for event in events if not event.startswith(("file:", "data:"))] == []
        page.goto((site / "search.html").as_uri() + "?q=max_connections_per_host")
        page.locator("#search-results a", has_text="Be a good guest").first.wait_for()


@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not here")
def test_the_site_is_sound(tmp_path: Path) -> None:
    # one test: the site is built once
    for name in ("docs", "benchmarks", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("_build"))
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    shutil.copytree(ROOT / "src" / "img2dataset" / "recipes", tmp_path / "src/img2dataset/recipes")

    assert build(tmp_path) == ""

    site = tmp_path / "site"
    assert list_loads(site) == set()
    for page in (tmp_path / "docs").rglob("*.md"):
        assert (site / page.relative_to(tmp_path / "docs")).with_suffix(".html").exists()
    check_in_a_browser(site, 1280, "light", ("index", "options"))
    check_in_a_browser(site, 390, "dark", ("tutorial", "exit_codes"))


def test_what_is_wrong_with_a_page_fails_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "_static").mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "conf.py", docs)
    (docs / "index.md").write_text(
        "# Start\n\n[page](page.md#gone)\n\n![picture](gone.png)\n\n```{toctree}\npage\n```\n"
    )
    (docs / "page.md").write_text("# Page\n")
    (docs / "forgotten.md").write_text("# In no toctree\n")

    said = build(tmp_path)
    for fault in ("'gone'", "gone.png", "isn't included in any toctree"):
        assert fault in said
    assert said.count("WARNING") == 3

    (docs / "page.md").write_text("# Page\n\n[file](../gone.py)\n")
    assert "../gone.py leads nowhere" in build(tmp_path)
