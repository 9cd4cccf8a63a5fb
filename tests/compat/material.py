"""What both tools are given to download: pictures, a site that serves them, lists of URLs."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

PAGE = b"<html><body>no picture here</body></html>"
FAILURES = ("page.html", "noai.jpg", "missing.jpg", "status-500", "status-403", "status-418")
"""Rows after the pictures, from which no picture comes; `answer` knows why."""
ODD = ("with space.jpg", "refused.jpg", "file.jpg", "not a url")
"""Rows that the two tools treat differently, on purpose; see `address`."""


@cache
def pictures() -> dict[str, bytes]:
    """Name -> bytes: each kind of file that lists of image URLs lead to."""
    found = {
        f"photo{n}.jpg": encoded(".jpg", noise(400 + 13 * n, 300 + 7 * n, n)) for n in range(6)
    }
    found["tall.jpg"] = encoded(".jpg", noise(200, 640, 20))
    found["small.jpg"] = encoded(".jpg", noise(60, 40, 21))
    found["large.jpg"] = encoded(".jpg", noise(1700, 1300, 23))
    found["exact.jpg"] = encoded(".jpg", noise(256, 256, 22))
    for n in range(3):
        found[f"plain{n}.png"] = encoded(".png", noise(301 + n, 207, 30 + n))
        found[f"plain{n}.webp"] = encoded(".webp", noise(330, 250 + n, 40 + n))
    grey = cv2.cvtColor(noise(333, 222, 50), cv2.COLOR_BGR2GRAY)
    found["grey.jpg"] = encoded(".jpg", grey)
    found["grey.png"] = encoded(".png", grey)
    ramp = np.linspace(0, 255, 280 * 310).reshape(280, 310).astype(np.uint8)
    found["alpha.png"] = encoded(".png", np.dstack([noise(310, 280, 52), ramp]))
    found["deep.png"] = encoded(".png", noise(300, 220, 53).astype(np.uint16) * 257)
    palette = Image.fromarray(noise(300, 200, 54)).convert("P", palette=Image.Palette.ADAPTIVE)
    found["palette.png"] = saved(palette, "PNG")
    found["still.gif"] = saved(palette, "GIF")
    found["cmyk.jpg"] = saved(Image.fromarray(noise(320, 240, 55)).convert("CMYK"), "JPEG")
    found["exif.jpg"] = saved(Image.fromarray(noise(320, 240, 56)), "JPEG", exif=tags())
    found["sideways.jpg"] = saved(Image.fromarray(noise(320, 240, 57)), "JPEG", exif=tags(6))
    return found


def noise(width: int, height: int, seed: int) -> Any:
    """Soft colours with some grain."""
    random = np.random.default_rng(seed)
    soft = cv2.resize(
        random.integers(0, 256, (6, 8, 3), dtype=np.uint8),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    return np.clip(soft + random.normal(0, 10, soft.shape), 0, 255).astype(np.uint8)


def encoded(extension: str, pixels: Any) -> bytes:
    quality = [cv2.IMWRITE_WEBP_QUALITY, 101] if extension == ".webp" else []
    return bytes(cv2.imencode(extension, pixels, quality)[1].tobytes())


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def tags(orientation: int | None = None) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    exif[0x0110] = 'Model "X"'
    exif[0x0132] = "2020:01:02 03:04:05"
    exif[0x829A] = 0.008
    if orientation is not None:
        exif[0x0112] = orientation
    return exif


def answer(path: str) -> tuple[int, dict[str, str], bytes]:
    """What the site answers to a path: status, headers, body."""
    name = path.removeprefix("/").replace("%20", " ")
    if name.startswith("status-"):
        return int(name.removeprefix("status-")), {}, b""
    if name == "page.html":
        return 200, {"Content-Type": "text/html"}, PAGE
    if name == "noai.jpg":
        return 200, {"X-Robots-Tag": "noai"}, pictures()["photo0.jpg"]
    if name == "with space.jpg":
        return 200, {}, pictures()["photo0.jpg"]
    body = pictures().get(name)
    return (404, {}, b"") if body is None else (200, {}, body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, headers, body = answer(self.path)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # the usual 5 makes clients wait for their SYN to be sent again

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news here: both tools do, on a refusal."""


@contextmanager
def serving() -> Iterator[str]:
    """The site's address."""
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def names(*, odd: bool) -> list[str]:
    """The names of the rows of a list, in order."""
    return [*pictures(), *FAILURES, *(ODD if odd else ())]


def address(site: str, name: str, folder: Path) -> str:
    match name:
        case "refused.jpg":
            return "http://127.0.0.1:9/refused.jpg"  # port 9: nobody discards any more
        case "file.jpg":
            (folder / name).write_bytes(pictures()["photo0.jpg"])
            return f"file://{folder}/{name}"
        case "not a url":
            return "http//a.example"
        case _:
            return f"{site}/{name}"


def columns(site: str, folder: Path, *, odd: bool) -> dict[str, Any]:
    """A list with a column of every type."""
    rows = names(odd=odd)
    count = range(len(rows))
    return {
        "url": [address(site, name, folder) for name in rows],
        "text": [None if n == 3 else "" if n == 4 else f'caption {n}, é "q"' for n in count],
        "digits": [f"{n:03d}" for n in count],
        "sum": expected_hashes("sha256", rows),
        "md": expected_hashes("md5", rows),
        "number": pa.array([None if n == 4 else n * 1000 for n in count], pa.int64()),
        "small": pa.array(count, pa.int32()),
        "ratio": [None if n == 5 else n / 3 for n in count],
        "odd": [float("nan") if n == 6 else 0.5 for n in count],
        "flag": [n % 2 == 0 for n in count],
        "words": [["a", f"ü{n}"] for n in count],
        "floats": [[0.5, n / 4] for n in count],
        "nested": [{"a": n, "b": f"x{n}"} for n in count],
        "boxes": [BOXES[n % len(BOXES)] for n in count],
    }


BOXES: Sequence[list[list[float]] | None] = (
    None,
    [],
    [[0.1, 0.2, 0.5, 0.6]],
    [[0.0, 0.0, 0.3, 0.3], [0.5, 0.4, 0.95, 1.0]],
)


def expected_hashes(algorithm: str, rows: Sequence[str]) -> list[str | None]:
    """Right but for two rows: a wrong one, and none."""
    found: list[str | None] = [
        hashlib.new(algorithm, pictures().get(name, b"")).hexdigest() for name in rows
    ]
    found[1], found[2] = "0" * len(str(found[1])), None
    return found


PLAIN = ("url", "text", "digits", "md", "number", "ratio", "flag")
"""Columns that every input format can hold."""


def write_list(folder: Path, input_format: str, columns: Mapping[str, Any]) -> Path:
    path = folder / f"list.{input_format}"
    table = pa.table(dict(columns))
    if input_format == "parquet":
        pq.write_table(table, path)
        return path
    rows = table.select(PLAIN).to_pylist()
    data = as_text(input_format.removesuffix(".gz"), rows).encode()
    path.write_bytes(gzip.compress(data) if input_format.endswith(".gz") else data)
    return path


def as_text(input_format: str, rows: Sequence[Mapping[str, Any]]) -> str:
    match input_format:
        case "txt":
            return "".join(f"{row['url']}\n" for row in rows)
        case "json":
            return json.dumps(rows)
        case "jsonl":
            return "".join(f"{json.dumps(row)}\n" for row in rows)
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, rows[0], delimiter="\t" if input_format == "tsv" else ",")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
