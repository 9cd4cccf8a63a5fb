"""Take the pictures of dashboard.md: `python -m tests.dashboard_pictures`; a minute, needs Chromium."""

from __future__ import annotations

import colorsys
import csv
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.browser import launch
from tests.e2e.commands import Running
from tests.site import Site

DOCS = Path(__file__).resolve().parent.parent / "docs"
ROWS = 30_000
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
SHOTS: tuple[tuple[str, int, int, Any], ...] = (
    ("dashboard.png", 1100, 1500, "light"),
    ("dashboard-phone.png", 360, 780, "dark"),
)
COLOURS = 128
"""Of a stored picture."""


def make_picture(number: int) -> bytes:
    """Draw something that has a shape and a colour of its own."""
    hue = number * 0.381966 % 1.0
    sky, ground = (
        tuple(int(255 * part) for part in colorsys.hsv_to_rgb(hue + shift, 0.5, value))
        for shift, value in ((0.0, 0.95), (0.4, 0.6))
    )
    image = Image.new("RGB", (320, 240 if number % 3 else 320), sky)
    draw = ImageDraw.Draw(image)
    left = 40 * (number % 5)
    draw.ellipse((200 - left, 20, 260 - left, 80), fill="white")
    draw.polygon([(0, 320), (0, 170), (80 + left, 90), (200, 200), (320, 120), (320, 320)], ground)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def list_rows(site: Site) -> Iterator[tuple[str, str]]:
    """Yield URLs and captions: most are images, and each kind of failure has its time."""
    for n in range(ROWS):
        path = f"/picture/{n % 24}.jpg"
        if n % 9 == 4:
            path = "/status/404"
        elif n % 31 == 7:
            path = "/html"
        elif 2000 < n < 4000 and n % 3 == 0:
            path = "/status/503"
        url = site.url(path, n=n).replace("127.0.0.1", HOSTS[min(n % 7, len(HOSTS) - 1)])
        yield url, f"hills under a sky, number {n}"
    yield site.url("/gated", token="rest", before=1), "the last one"


def take(url: str) -> None:
    """Take the pictures of a page that is served."""
    with launch() as browser:
        for name, width, height, scheme in SHOTS:
            size: Any = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.goto(url)
            page.locator("#images img").nth(4).wait_for(timeout=60_000)
            page.wait_for_timeout(1000)
            taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            taken.quantize(COLOURS, dither=Image.Dither.NONE).save(DOCS / name, optimize=True)
            page.close()


def main() -> None:
    with Site(addresses=HOSTS) as site, tempfile.TemporaryDirectory() as folder:
        site.pictures.update({f"{n}.jpg": make_picture(n) for n in range(24)})
        root = Path(folder)
        with (root / "list.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("url", "caption"), *list_rows(site)])
        running = Running([
            str(root / "list.csv"), "--input_format=csv", "--caption_col=caption",
            f"--output_folder={root / 'hills'}", "--output_format=webdataset", "--image_size=256",
            "--number_sample_per_shard=500", "--processes_count=1", "--thread_count=24",
            "--timeout=120", "--dashboard",
        ])  # fmt: skip
        running.until_it_says("dashboard: http://127.0.0.1:")
        found = re.search(r"http://127\.0\.0\.1:\d+/", running.errors)
        assert found is not None
        running.until((root / "hills" / "00018_stats.json").exists, "nineteen shards", 300)
        try:
            take(found[0])
        finally:
            running.process.kill()
            running.end()


if __name__ == "__main__":
    main()
