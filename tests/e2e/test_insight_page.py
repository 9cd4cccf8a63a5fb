"""The page of `img2dataset report` in a browser: nothing runs, nothing is serious, nothing overflows."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from img2dataset import download, write_report
from tests.browser import CHROMIUM, HOSTILE, find_violations, launch, record
from tests.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not here"),
]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a real dataset, all texts of whose list are hostile."""
    root = tmp_path_factory.mktemp("page")
    with Site() as site:
        urls = [site.url(f"/exif/{n % 8 + 1}.jpg", n=n, q=HOSTILE) for n in range(40)]
        urls += [site.url("/image/1.jpg", copy=n) for n in range(8)]
        urls += [
            site.url("/status/404", q=HOSTILE),
            site.url("/status/403"),
            site.url("/status/503"),
        ]
        urls += [
            site.url("/html"),
            f"javascript:{HOSTILE}",
            f"ftp://{'long' * 15}.example/{HOSTILE}",
        ]
        with (root / "list.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [["url", "caption"], *([url, f"{HOSTILE} {n}"] for n, url in enumerate(urls))]
            )
        download(
            str(root / "list.csv"), output_folder=str(root / "out"), output_format="webdataset",
            input_format="csv", caption_col="caption", image_size=64, number_sample_per_shard=9,
            reporters=(),
        )  # fmt: skip
    return Path(write_report(str(root / "out"), str(root / "page.html")))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as running:
        yield running


def open_page(browser: Browser, file: Path, width: int, scheme: Any) -> tuple[Page, list[str]]:
    """The page, and what the console said and what was requested."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    events = record(page)
    page.goto(file.as_uri())
    return page, [event for event in events if not event.startswith(("data:", file.as_uri()))]


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "light"), (1200, "dark")])
def test_the_page_is_sound(browser: Browser, page_file: Path, width: int, scheme: Any) -> None:
    page, events = open_page(browser, page_file, width, scheme)

    assert events == []
    assert "taken" not in page.title()
    assert page.locator("script").count() == 0
    assert page.locator("img:not([src^='data:'])").count() == 0
    # no part of the page is wider than the screen; tables scroll on their own
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) < 200) == (scheme == "dark")
    page.close()


def test_hostile_texts_are_shown_as_text(browser: Browser, page_file: Path) -> None:
    page, _ = open_page(browser, page_file, 1200, "light")

    assert page.locator(".sheet li").count() == 48
    assert HOSTILE in (page.locator(".sheet img").first.get_attribute("alt") or "")
    assert "<script>document.title" in page.locator(".sheet").inner_text()
    assert page.locator("a[href^='javascript']").count() == 0
    widths = page.evaluate("[...document.querySelectorAll('.sheet img')].map(i => i.naturalWidth)")
    assert min(widths) > 0
    page.close()


def test_charts_have_data(browser: Browser, page_file: Path) -> None:
    page, _ = open_page(browser, page_file, 1200, "light")

    charts = page.locator("figure.chart")
    assert charts.count() == 7
    for number in range(charts.count()):
        chart = charts.nth(number)
        shape = chart.locator("svg[role=img] rect:not(.track), svg[role=img] polyline").first
        assert shape.bounding_box() is not None
        chart.locator("summary").click()
        assert chart.locator("tbody tr").count() > 0
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_axe_finds_nothing_serious(
    browser: Browser, page_file: Path, width: int, scheme: Any
) -> None:
    context = browser.new_context(
        bypass_csp=True,
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )

    assert find_violations(context, page_file.as_uri()) == []
    context.close()
