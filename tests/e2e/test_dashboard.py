"""--dashboard: the page of a real run, in a browser and for those who must not see it."""

from __future__ import annotations

import csv
import http.client
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.browser import CHROMIUM, HOSTILE, find_violations, launch, record
from tests.e2e.commands import Running, run
from tests.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
in_a_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not here")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as running:
        yield running


@dataclass
class Shown:
    """A run under way that shows itself."""

    url: str
    running: Running
    site: Site
    output: Path

    def go_on(self) -> None:
        """Let the run come to its end."""
        self.site.open_gate("rest")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A run of a list whose texts are hostile, which has done nearly all and waits."""
    tmp_path = tmp_path_factory.mktemp("dashboard")
    with Site() as site:
        urls = [site.url(f"/exif/{n % 8 + 1}.jpg", n=n, q=HOSTILE) for n in range(50)]
        urls += [site.url("/status/404", n=n, q=HOSTILE) for n in range(8)]
        urls += [site.url("/html"), site.url("/gated", token="rest", before=1)]
        with (tmp_path / "list.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [["url", "caption"], *([url, f"{HOSTILE} {n}"] for n, url in enumerate(urls))]
            )
        output = tmp_path / "out"
        running = Running([
            str(tmp_path / "list.csv"), "--input_format=csv", "--caption_col=caption",
            f"--output_folder={output}", "--output_format=webdataset", "--image_size=64",
            "--number_sample_per_shard=10", "--processes_count=1", "--thread_count=64",
            "--timeout=600", "--dashboard",
        ])  # fmt: skip
        running.until_it_says("dashboard: http://127.0.0.1:")
        running.until((output / "00004_stats.json").exists, "five shards")
        found = re.search(r"http://127\.0\.0\.1:\d+/", running.errors)
        assert found is not None
        yield Shown(found[0], running, site, output)
        running.process.kill()
        running.end()


def ask(url: str, method: str = "GET", path: str = "/", host: str | None = None) -> Any:
    """The answer to a request, and its body."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_requests_of_others_are_refused(shown: Shown) -> None:
    answer, body = ask(shown.url)
    port = urlsplit(shown.url).port

    assert answer.status == 200
    assert b"rows done" in body
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    for host in ("localhost", f"localhost:{port}", "127.0.0.1:1", "[::1]:9"):
        assert ask(shown.url, host=host)[0].status == 200
    for host in (
        "rebound.example", f"rebound.example:{port}", "localhost.example", "x@localhost",
        "localhost:x", "127.0.0.1.nip.io", "",
    ):  # fmt: skip
        assert ask(shown.url, host=host)[0].status == 403
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(shown.url, method)[0].status == 405
    assert ask(shown.url, "HEAD")[1] == b""
    for path in ("/nothing", "/images/999.jpg", "/images/../now", "/.img2dataset/"):
        assert ask(shown.url, path=path)[0].status == 404
    assert ask(shown.url, path="/now?x=1")[0].status == 200
    # nobody else of the network reaches it
    with socket.socket() as other:
        other.settimeout(5)
        assert other.connect_ex(("127.0.0.2", port or 0)) != 0


def check_page(browser: Browser, url: str, width: int, scheme: Any) -> None:
    context = browser.new_context(
        bypass_csp=True, viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    assert find_violations(context, url) == []
    page = context.pages[0]
    # no part of the page is wider than the screen; tables scroll on their own
    assert page.evaluate("document.documentElement.scrollWidth") == width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) < 200) == (scheme == "dark")
    context.close()


@in_a_browser
def test_the_page_is_sound_and_nothing_of_a_list_is_markup(browser: Browser, shown: Shown) -> None:
    page = browser.new_page()
    page.goto(shown.url)
    page.locator("#images img").first.wait_for(timeout=40_000)
    assert HOSTILE in (page.locator("#images img").first.get_attribute("alt") or "")
    assert "<script>document.title" in page.locator("#images").inner_text()
    assert "taken" not in page.title()
    assert page.locator("script").count() == 1
    assert page.locator("img:not([src^='/images/'])").count() == 0
    widths = page.evaluate("[...document.images].map(each => each.naturalWidth)")
    assert min(widths) > 0

    check_page(browser, shown.url, 1200, "light")
    check_page(browser, shown.url, 360, "dark")

    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(shown.url)
    assert "rows done" in plain.locator("#head").inner_text()
    assert plain.locator("meta[http-equiv=refresh]").get_attribute("content") == "15"


@in_a_browser
def test_the_page_follows_a_run(browser: Browser, shown: Shown) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    events = record(page)
    page.goto(shown.url)
    page.locator("#images img").first.wait_for(timeout=40_000)

    page.locator("#reasons summary").first.click()
    before = page.locator("#head").get_attribute("data-summary")
    page.wait_for_function(
        "seen => document.querySelector('#head').dataset.summary != seen", arg=before
    )
    # what the reader has opened, and the focus, stay where they are
    assert page.locator("#reasons details").first.get_attribute("open") is not None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    charts = page.locator("figure.chart")
    for number in range(charts.count()):
        shape = charts.nth(number).locator("svg[role=img] :is(rect:not(.track), polyline, polygon)")
        assert shape.first.bounding_box() is not None
        assert charts.nth(number).locator("tbody tr").count() > 0
    assert "60" in page.locator("#head").inner_text()

    page.get_by_role("button", name="Pause updates").click()
    assert page.locator("#state").inner_text() == "Paused."
    page.get_by_role("button", name="Go on with updates").click()
    shown.go_on()
    page.locator("#head[data-over]").wait_for(timeout=20_000)
    assert "The run is over: done: 51 images of 60 rows" in page.locator("#head").inner_text()
    assert shown.running.end() == 0

    assert [e for e in events if not e.startswith(shown.url)] == []


def test_a_port_that_is_taken_is_said_before_any_work(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = run(
            ["nothing.txt", f"--output_folder={tmp_path / 'out'}", f"--dashboard={port}"]
        )

    assert code == 2
    assert re.fullmatch(
        rf"img2dataset: error: dashboard is {port}: port {port} of 127\.0\.0\.1 cannot be listened "
        r"on \(.+\); choose another one: dashboard=PORT\n",
        said,
    )
    assert not (tmp_path / "out").exists()
