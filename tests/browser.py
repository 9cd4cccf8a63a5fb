"""The Chromium of the system, for tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
HOSTILE = "\"'></figure><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
"""A text that would show itself if a page took it for markup."""


@contextmanager
def launch() -> Iterator[Browser]:
    """Run a browser for the time of the block."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (slow to import)

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield running
        running.close()


def record(page: Page) -> list[str]:
    """Collect what the console says and what is requested, from now on."""
    events: list[str] = []
    page.on("console", lambda message: events.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: events.append(f"error: {error}"))
    page.on("request", lambda request: events.append(request.url))
    return events


def find_violations(context: BrowserContext, url: str) -> list[tuple[str, str]]:
    """List what axe-core finds on a page, all of whose details are open.

    The context must bypass the policy of the page, which forbids foreign scripts, axe's too.
    """
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  (slow to import)

    page = context.new_page()
    page.goto(url)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found]
