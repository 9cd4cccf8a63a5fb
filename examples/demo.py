"""Make a small image dataset in demo/ and show what is in it; needs no network.

    python examples/demo.py
    python examples/demo.py --serve

Draws forty images, serves them on 127.0.0.1 together with a few bad URLs, runs the real command
line on the list, and shows the result.  With --serve it writes demo/list.csv, and the lists of the
other examples into demo/examples, and serves the images until Ctrl-C, so that you can run the command
line and the examples yourself.  It replaces only what it has made itself.
"""
# ruff: noqa: T201, INP001, S603  (a script for people: it prints, and runs img2dataset)

from __future__ import annotations

import csv
import io
import json
import math
import shlex
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

DEMO = Path(__file__).resolve().parent.parent / "demo"
LIST = DEMO / "list.csv"
DATASET = DEMO / "dataset"
SHEET = DEMO / "contact_sheet.jpg"
FOR_EXAMPLES = DEMO / "examples"

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.int32]
PICTURES = 40
COLOURS = {
    "coral": (255, 111, 97),
    "teal": (0, 140, 140),
    "amber": (255, 179, 0),
    "indigo": (63, 81, 181),
    "moss": (104, 142, 38),
    "plum": (142, 69, 133),
}
SHAPES = ("circle", "square", "star", "rings", "waves")
SIZES = ((480, 360), (360, 480), (640, 360), (400, 400), (320, 200))


def main(words: Sequence[str]) -> int:
    if words not in ([], ["--serve"]):
        print("usage: python examples/demo.py [--serve]", file=sys.stderr)
        return 2
    DEMO.mkdir(exist_ok=True)
    pictures = dict(draw(n) for n in range(PICTURES))
    with serving(pictures) as address:
        rows = make_rows(address, pictures)
        write_list(rows)
        if words:
            write_lists_for_examples(rows)
            return wait_for_the_end(address)
        shutil.rmtree(DATASET, ignore_errors=True)
        command = [
            *("-m", "img2dataset"),
            *("--url_list", shown(LIST)),
            *("--input_format", "csv", "--caption_col", "caption"),
            *("--output_format", "files"),
            *("--output_folder", shown(DATASET)),
        ]
        print(f"Serving {PICTURES} images at {address}; one of them has an opt-out header.")
        print(
            f"The list also has three bad URLs, so {PICTURES - 1} of {PICTURES + 3} rows will succeed.  Running:\n"
        )
        print(f"  python {shlex.join(command)}\n", flush=True)
        code = subprocess.run([sys.executable, *command], check=False).returncode
    if code != 0:
        print(f"\nThe command failed (exit code {code}); the lines above say why.")
        return code
    show_tree()
    show_one_json()
    show_statuses()
    make_contact_sheet()
    print(f"\nNow open {shown(SHEET)}: every image of the dataset on one page.")
    return 0


def wait_for_the_end(address: str) -> int:
    print(f"Serving {PICTURES} images at {address}; {shown(LIST)} is the list.  Ctrl-C ends it.")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    return 0


def shown(path: Path) -> str:
    """Return the path relative to the current folder, if it is inside."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


# -- the images


def draw(n: int) -> tuple[str, bytes]:
    """Draw image `n`; return its name, which is also its caption, and its bytes."""
    shape, colour = SHAPES[n % len(SHAPES)], list(COLOURS)[n % len(COLOURS)]
    width, height = SIZES[n % len(SIZES)]
    extension = ("jpg", "jpg", "png", "webp")[n % 4]
    pixels = background(width, height, COLOURS[colour])
    add_shape(pixels, shape)
    cv2.putText(
        pixels,
        f"{n:02d}",
        (14, height - 16),
        cv2.FONT_HERSHEY_DUPLEX,
        1.1,
        (255,) * 3,
        2,
        cv2.LINE_AA,
    )
    image = Image.fromarray(pixels)
    if n == 1:  # like a photo of a phone: stored sideways, with an EXIF orientation
        exif = Image.Exif()
        exif[0x0112] = 6
        image = image.transpose(Image.Transpose.ROTATE_90)
        return f"{n:02d} {colour} {shape} stored sideways.jpg", encoded(image, "jpg", exif=exif)
    return f"{n:02d} {colour} {shape}.{extension}", encoded(image, extension)


def background(width: int, height: int, colour: tuple[int, int, int]) -> Pixels:
    """Return a soft diagonal gradient from the colour to a darker one."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    light = 1.15 - 0.75 * (x + y) / 2
    pixels: Pixels = np.clip(light[..., None] * np.array(colour), 0, 255).astype(np.uint8)
    return pixels


def add_shape(pixels: Pixels, shape: str) -> None:
    height, width = pixels.shape[:2]
    middle, radius = (width // 2, height // 2), min(width, height) // 3
    paper = (255, 250, 240)
    match shape:
        case "circle":
            cv2.circle(pixels, middle, radius, paper, -1, cv2.LINE_AA)
        case "square":
            cv2.fillPoly(pixels, [polygon(middle, [radius] * 4, turn=0.3)], paper, cv2.LINE_AA)
        case "star":
            points = polygon(middle, [radius, radius // 2] * 5, turn=-math.pi / 2)
            cv2.fillPoly(pixels, [points], paper, cv2.LINE_AA)
        case "rings":
            for ring in range(radius, 8, -22):
                cv2.circle(pixels, middle, ring, paper, 6, cv2.LINE_AA)
        case _:
            x = np.arange(0, width, 4)
            for row in range(height // 4, height, height // 4):
                y = row + height / 14 * np.sin(x / 30)
                line = np.stack([x, y], axis=1).astype(np.int32)
                cv2.polylines(pixels, [line], isClosed=False, color=paper, thickness=7)


def polygon(middle: tuple[int, int], radii: list[int], *, turn: float) -> Points:
    angles = turn + 2 * math.pi * np.arange(len(radii)) / len(radii)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.array(radii)[:, None]
    points: Points = (np.array(middle) + around).astype(np.int32)
    return points


def encoded(image: Image.Image, extension: str, exif: Image.Exif | None = None) -> bytes:
    buffer = io.BytesIO()
    name = {"jpg": "JPEG"}.get(extension, extension)
    image.save(buffer, name, quality=92, **({"exif": exif} if exif else {}))
    return buffer.getvalue()


# -- the site and the list


@contextmanager
def serving(pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Serve the images and an HTML page during the block; yield the address."""
    pages = {f"/{n}": data for n, data in enumerate(pictures.values())}
    pages["/page.html"] = b"<html><body>Not an image.</body></html>"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = pages.get(self.path)
            self.send_response(404 if data is None else 200)
            if self.path == "/2":
                self.send_header("X-Robots-Tag", "noai")
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def make_rows(address: str, pictures: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Make the URLs with their captions; some are bad, as in every list from the web."""
    rows = [(f"{address}/{n}", name.rpartition(".")[0][3:]) for n, name in enumerate(pictures)]
    rows[12:12] = [(f"{address}/gone.jpg", "an image that is gone")]
    rows[25:25] = [(f"{address}/page.html", "a page, not an image")]
    rows[33:33] = [("http//no-colon.example/a.jpg", "a typo in the URL")]
    return rows


def write_list(rows: Sequence[tuple[str, str]]) -> None:
    with LIST.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["url", "caption"])
        writer.writerows(rows)


def write_lists_for_examples(rows: Sequence[tuple[str, str]]) -> None:
    """Write the lists that the other examples look for in the current folder."""
    FOR_EXAMPLES.mkdir(exist_ok=True)
    urls, captions = zip(*rows, strict=True)
    (FOR_EXAMPLES / "urls.txt").write_text("".join(f"{url}\n" for url in urls), encoding="utf-8")
    table = pa.table({"url": urls, "caption": captions})
    pq.write_table(table, FOR_EXAMPLES / "urls.parquet")


# -- the result


def show_tree() -> None:
    print(f"\n{shown(DATASET)}/")
    for path in sorted(path for path in DATASET.iterdir() if not path.name.startswith(".")):
        print(f"  {path.name}{'/' if path.is_dir() else ''}")
        if path.is_dir():
            names = sorted(child.name for child in path.iterdir())
            print("".join(f"    {name}\n" for name in names[:6]) + f"    ... {len(names)} files")


def show_one_json() -> None:
    path = min(DATASET.glob("[!.]*/*.json"))
    print(f"\n{shown(path)}, the metadata of the first image:")
    print(json.dumps(json.loads(path.read_bytes()), indent=2))


def show_statuses() -> None:
    """Count the outcomes in the Parquet table, which has every row of the list."""
    table = pq.read_table(sorted(DATASET.glob("[0-9]*.parquet")))
    print(f"\n{shown(DATASET)}/00000.parquet, the outcomes of the {table.num_rows} rows:")
    pairs = zip(table["status"].to_pylist(), table["error_message"].to_pylist(), strict=True)
    for (status, message), count in Counter(pairs).most_common():
        print(f"  {count:3d}  {status:<20} {message or ''}")


def make_contact_sheet() -> None:
    pictures = [Image.open(path) for path in sorted(DATASET.glob("[!.]*/*.jpg"))]
    columns, side, gap = 8, 128, 8
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new(
        "RGB", (columns * (side + gap) + gap, rows * (side + gap) + gap), (235, 235, 235)
    )
    for n, picture in enumerate(pictures):
        row, column = divmod(n, columns)
        place = (gap + column * (side + gap), gap + row * (side + gap))
        sheet.paste(picture.resize((side, side)), place)
    sheet.save(SHEET, quality=92)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
