"""The pictures of the documentation, made by the real tool on the site of examples/demo.py.

    python docs/pictures.py

Needs Chromium (Debian: `apt-get install chromium fonts-dejavu-core`) and the test dependencies.
Writes docs/pictures/; run it when the terminal or the report looks different.
"""
# ruff: noqa: INP001, S603  (a script beside the pages; it runs img2dataset)

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
COMMAND = (
    "img2dataset --url_list=demo/list.csv --input_format=csv --caption_col=caption "
    "--output_folder=demo/first --image_size=256"
)
WIDTH = 112
COLOURS = 64
"""Of a stored PNG: flat areas and text need no more."""
TOKENS = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]|\n|\r|[^\x1b\r\n]+")
DARK = TerminalTheme(
    (13, 17, 23), (230, 237, 243),
    [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34),
     (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)],
)  # fmt: skip
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #0d1117; color: #e6edf3 }}
pre {{ margin: 0; padding: 18px 22px; display: inline-block;
       font: 14px/1.35 "DejaVu Sans Mono", monospace }}</style><pre>{}</pre>"""


def main() -> int:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, serving(Path(name)), sync_playwright() as tools:
        folder = Path(name)
        browser = tools.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        draw_terminal(browser, f"$ {COMMAND}\n{run_in_terminal(COMMAND, folder)}")
        draw_report(browser, folder)
        draw_images(folder / "demo" / "first" / "00000")
        browser.close()
    return 0


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """Run the site of the demo, whose list is then folder/demo/list.csv."""
    script = folder / "examples" / "demo.py"
    script.parent.mkdir()
    script.write_bytes((ROOT / "examples" / "demo.py").read_bytes())
    site = subprocess.Popen([sys.executable, script, "--serve"], stdout=subprocess.PIPE)
    try:
        assert site.stdout is not None  # noqa: S101
        site.stdout.readline()
        yield
    finally:
        site.terminate()
        site.wait()


def run_in_terminal(command: str, folder: Path) -> str:
    """Run a command in a terminal of its own; return what it has written there, with its colours."""
    parent, child = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH), "LINES": "40"}
    words = [sys.executable, "-m", *command.split()]
    with subprocess.Popen(words, cwd=folder, env=env, stdout=child, stderr=child) as running:
        os.close(child)
        said = b""
        while select.select([parent], [], [], 60)[0]:
            try:
                said += os.read(parent, 65536)
            except OSError:  # the last writer has closed it
                break
        if running.wait() != 0:
            raise SystemExit(said.decode())
    os.close(parent)
    return keep_final_lines(said.decode())


def keep_final_lines(said: str) -> str:
    """Move the cursor as a terminal does, so that only the last state of a progress bar is left."""
    lines, row = [""], 0
    for piece in TOKENS.findall(said):
        if piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\x1b[1A":
            row -= 1
        elif piece == "\x1b[2K":
            lines[row] = ""
        elif piece.endswith("m") or not piece.startswith(("\x1b", "\r")):
            lines[row] += piece
    return "\n".join(lines).rstrip()


def draw_terminal(browser: Browser, text: str) -> None:
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115, PTH123
    console.print(Text.from_ansi(text))
    html = console.export_html(theme=DARK, inline_styles=True, code_format="{code}")
    page = browser.new_page(viewport={"width": 1040, "height": 400}, device_scale_factor=1.5)
    page.set_content(PAGE.format(html))
    page.locator("pre").screenshot(path=PICTURES / "run.png")
    page.close()
    shrink(PICTURES / "run.png")


def draw_report(browser: Browser, folder: Path) -> None:
    """Draw the beginning of the page of `img2dataset report`."""
    subprocess.run(
        [sys.executable, "-m", "img2dataset", "report", "demo/first"], cwd=folder, check=True
    )
    page = browser.new_page(viewport={"width": 960, "height": 900})
    page.goto((folder / "first-report.html").as_uri())
    page.screenshot(path=PICTURES / "report.png")
    page.close()
    shrink(PICTURES / "report.png")


def draw_images(shard: Path) -> None:
    """Put the first images of the dataset in two rows."""
    files = sorted(shard.glob("*.jpg"))[:12]
    sheet = Image.new("RGB", (6 * 136 + 8, 2 * 136 + 8), "white")
    for number, file in enumerate(files):
        row, column = divmod(number, 6)
        sheet.paste(Image.open(file).resize((128, 128)), (8 + column * 136, 8 + row * 136))
    sheet.save(PICTURES / "images.jpg", quality=85)


def shrink(file: Path) -> None:
    Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
