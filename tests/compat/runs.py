"""A few rich lists -> whole runs, each made once: what test_part_a and test_part_b look into."""

from __future__ import annotations

import ast
import contextlib
import csv
import datetime as dt
import gzip
import hashlib
import importlib.machinery
import io
import json
import os
import struct
import subprocess
import sys
import threading
import time
import types
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from img2dataset import Report, download
from tests.compat.material import Server, encoded, noise, saved, tags
from tests.e2e.dataset import Dataset
from tests.site import Site

# -- what is served


@cache
def pictures() -> dict[str, bytes]:
    """Name -> bytes: pictures whose pixels are known, and files that are none."""
    flat = Image.new("RGB", (100, 80), (200, 40, 20))
    grey = Image.fromarray(np.tile(np.arange(0, 240, 2), (90, 1)).astype(np.uint8))
    red, blue = (Image.new("P", (64, 64), 0) for _ in range(2))
    red.putpalette([255, 0, 0])
    blue.putpalette([0, 0, 255])
    photo = noise(1600, 1250, 1)  # exactly 2,000,000 pixels
    return {
        "photo.jpg": encoded(".jpg", photo),
        "plain.png": encoded(".png", noise(301, 207, 2)),
        "small.png": encoded(".png", noise(60, 41, 3)),
        "grey.jpg": saved(grey, "JPEG", quality=95),
        "grey.png": saved(grey, "PNG"),
        "alpha.png": saved(Image.new("RGBA", (80, 80), (255, 0, 0, 51)), "PNG"),
        "palette.png": saved(flat.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
        "moving.gif": saved(red, "GIF", save_all=True, append_images=[blue]),
        "cmyk.jpg": saved(flat.convert("CMYK"), "JPEG", quality=95),
        "still.webp": encoded(".webp", noise(150, 100, 4)),
        "deep.png": encoded(".png", np.full((60, 80), 0x8000, np.uint16)),
        "float.tiff": encoded(".tiff", np.full((60, 80), 0.25, np.float32)),
        "tags.jpg": saved(flat, "JPEG", exif=tags(), icc_profile=b"\0" * 200),
        "turned.jpg": turned(),
        "a b ü.png": saved(flat, "PNG"),
        "least.png": encoded(".png", noise(64, 16, 5)),  # at two limits
        "tiny.png": saved(Image.new("RGB", (15, 40)), "PNG"),
        "large.png": saved(Image.new("1", (1600, 1251)), "PNG"),
        "wide.png": saved(Image.new("RGB", (101, 25)), "PNG"),
        "bomb.png": header_of_a_png(30_000, 30_000),
        "cut.jpg": encoded(".jpg", photo)[:20_000],
        "page.html": b"<html><body>no picture</body></html>",
        "noai.jpg": saved(flat, "JPEG"),
        "nothing.jpg": b"",
    }


def turned() -> bytes:
    """Stored 90 x 60 with a white left third; upright it is 60 x 90 with a white top."""
    pixels = np.zeros((60, 90, 3), np.uint8)
    pixels[:, :30] = 255
    return saved(Image.fromarray(pixels), "JPEG", quality=95, exif=tags(6))


def header_of_a_png(width: int, height: int) -> bytes:
    """A PNG that promises many pixels and has none: decoding it must not even begin."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@dataclass
class Shelf:
    """A server of `pictures()`."""

    address: str = ""
    asked: list[str] = field(default_factory=list)
    """Targets as they were on the wire."""
    agents: set[str] = field(default_factory=set)

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"


HOP_SECONDS = 0.4


class Door(Server):
    request_queue_size = 128  # a run knocks many times at once


@contextlib.contextmanager
def shelf() -> Iterator[Shelf]:
    serving = Shelf()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            serving.asked.append(self.path)
            serving.agents.add(self.headers["User-Agent"])
            name = unquote(self.path.removeprefix("/"))
            body = pictures().get(name)
            if name.startswith("hop"):
                self.hop(int(name.removeprefix("hop")))
                return
            self.send_response(404 if body is None else 200)
            if name == "noai.jpg":
                self.send_header("X-Robots-Tag", "noai")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def hop(self, left: int) -> None:
            """A slow way to a picture."""
            time.sleep(HOP_SECONDS)
            self.send_response(302)
            self.send_header("Location", f"/hop{left - 1}" if left > 1 else "/plain.png")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
            pass

    server = Door(("127.0.0.1", 0), Handler)
    serving.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield serving
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- what a run left


@dataclass(frozen=True)
class Run:
    """A finished run, and what it was made from."""

    folder: Path
    names: Sequence[str]
    """Of the rows, in the order of the list."""
    given: pa.Table | None = None
    report: Report | None = None
    asked: Sequence[str] = ()
    """Targets of its requests."""
    agents: Collection[str] = ()
    """User-Agents of its requests."""
    logged: Sequence[Any] = ()
    """What Weights & Biases was told."""
    printed: subprocess.CompletedProcess[str] | None = None
    left_running: Sequence[str] = ()
    """Processes and threads that the run began and did not end."""

    @property
    def dataset(self) -> Dataset:
        return Dataset(self.folder)

    def key(self, name: str) -> str:
        return f"{self.names.index(name):09d}"

    def row(self, name: str) -> dict[str, Any]:
        (row,) = (row for row in self.dataset.rows if row["key"] == self.key(name))
        return row

    def json(self, name: str) -> dict[str, Any]:
        return strictly(self.member(name, "json"))

    def member(self, name: str, extension: str) -> bytes:
        return self.dataset.members()[f"{self.key(name)}.{extension}"]

    def image(self, name: str, extension: str = "png") -> Image.Image:
        return Image.open(io.BytesIO(self.member(name, extension)))


def strictly(data: bytes) -> dict[str, Any]:
    """JSON, without the words that only Python knows; the keys in their order."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    loaded: dict[str, Any] = json.loads(data.decode(), parse_constant=refuse)
    return loaded


def still_running() -> list[str]:
    """Children of this process, and threads of ours."""
    children = [
        child
        for path in Path("/proc/self/task").glob("*/children")
        for child in path.read_text().split()
    ]
    ours = [one.name for one in threading.enumerate() if one.name.startswith("img2dataset")]
    return children + ours


def call(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m img2dataset`."""
    return subprocess.run(
        [sys.executable, "-m", "img2dataset", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


# -- the runs

FAILING = {
    "tiny.png": "image too small",
    "large.png": "image area too large",
    "wide.png": "aspect ratio too large",
    "bomb.png": "image has too many pixels",
    "cut.jpg": "Image decoding error",
    "page.html": "Image decoding error",
    "noai.jpg": "Use of image disallowed by X-Robots-Tag directive",
    "nothing.jpg": "body empty",
    "missing.jpg": "HTTP Error 404: Not Found",
    "own.jpg": "URL scheme not allowed: http and https only",
    "null": "URL missing",
}
"""Rows of the rich list that fail -> their error string."""
RESIZE = {"tiny.png", "large.png", "wide.png", "bomb.png", "cut.jpg", "page.html"}
"""Those of them that are failed_to_resize."""
KEPT = (
    "photo.jpg", "plain.png", "small.png", "grey.jpg", "grey.png", "alpha.png", "palette.png",
    "moving.gif", "cmyk.jpg", "still.webp", "deep.png", "float.tiff", "tags.jpg", "turned.jpg",
    "a b ü.png", "least.png",
)  # fmt: skip
"""Rows that succeed."""
MISMATCHES = {"cmyk.jpg": "0" * 32, "still.webp": None}
"""Rows whose expected hash is another one, or none."""
ADDITIONAL = (
    "words", "number", "small", "unsigned", "ratio", "single", "flag", "day", "moment", "instant",
    "price", "raw", "floats", "nested", "nothing",
)  # fmt: skip
"""Additional columns of the rich list, in the order asked for."""


def rich_table(site: Shelf, folder: Path) -> pa.Table:
    """A row for each picture and each failure; a column of every type."""
    names = [*KEPT, *FAILING]
    count = range(len(names))
    (folder / "own.jpg").write_bytes(pictures()["noai.jpg"])
    urls = {
        "own.jpg": f"file://{folder}/own.jpg",
        "null": None,
    }
    moment = dt.datetime(2020, 1, 2, 3, 4, 5, 500_000)  # noqa: DTZ001  (the column has no zone)
    sums: list[Any] = [hashlib.md5(pictures().get(name, b"")).hexdigest() for name in names]
    sums = [MISMATCHES.get(name, sum_) for name, sum_ in zip(names, sums, strict=True)]
    sums[0] = sums[0].upper()
    return pa.table(
        {
            "text": ["007", None, "", 'zwölf, 猫 "q"\n', *(f"caption {n}" for n in count[4:])],
            "number": pa.array([None if n == 1 else n for n in count], pa.int64()),
            "small": pa.array(count, pa.int32()),
            "unsigned": pa.array([2**64 - 1 - n for n in count], pa.uint64()),
            "ratio": pa.array(
                [float("nan"), None, float("inf"), *(n / 3 for n in count[3:])],
                pa.float64(),
            ),
            "single": pa.array([0.5] * len(names), pa.float32()),
            "flag": [n % 2 == 0 for n in count],
            "day": pa.array([dt.date(2020, 1, 2)] * len(names)),
            "moment": pa.array([moment] * len(names), pa.timestamp("us")),
            "instant": pa.array([moment] * len(names), pa.timestamp("ms", "UTC")),
            "price": pa.array([Decimal("1.50")] * len(names), pa.decimal128(10, 2)),
            "raw": pa.array([b"r\xc3\xa4w"] * len(names), pa.binary()),
            "words": [None if n == 1 else [] if n == 2 else ["a", f"ü{n}"] for n in count],
            "floats": [[0.5, n / 4] for n in count],
            "nested": [{"a": n, "b": [f"x{n}"]} for n in count],
            "nothing": pa.nulls(len(names)),
            "md": sums,
            "LINK": [urls.get(name, site.url(name)) for name in names],
        }
    )


def rich(folder: Path) -> Run:
    """A Parquet list with everything -> PNGs in a tar, seen by a Weights & Biases of paper."""
    logged: list[Any] = []
    before = still_running()
    with shelf() as site, pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "wandb", paper_wandb(logged))
        table = rich_table(site, folder)
        pq.write_table(table, folder / "list.parquet")
        report = download(
            str(folder / "list.parquet"), 128, str(folder / "out"), encode_format="png",
            input_format="parquet", output_format="webdataset", url_col="LINK",
            caption_col="text", save_additional_columns=list(ADDITIONAL), min_image_size=16,
            max_image_area=2_000_000, max_aspect_ratio=4, enable_wandb=True,
            wandb_project="mine",
        )  # fmt: skip
        running = [one for one in still_running() if one not in before]
    return Run(
        folder / "out",
        (*KEPT, *FAILING),
        table,
        report,
        site.asked,
        logged=logged,
        left_running=running,
    )


def paper_wandb(logged: list[Any]) -> types.ModuleType:
    """A module that notes what it is told."""

    class Table:
        def __init__(self, columns: list[str]) -> None:
            self.columns = columns
            self.data: list[tuple[Any, ...]] = []

        def add_data(self, *row: Any) -> None:
            self.data.append(row)

    class Logging:
        def log(self, data: Any, **_: Any) -> None:
            logged.append(data)

        def finish(self, **_: Any) -> None:
            logged.append("finished")

    def init(*, project: str, config: Mapping[str, Any], **_: Any) -> Logging:
        logged.append((project, config))
        return Logging()

    module = types.ModuleType("wandb")
    module.__spec__ = importlib.machinery.ModuleSpec("wandb", None)
    vars(module).update(Table=Table, init=init, Settings=dict)
    return module


def recorded(folder: Path) -> Run:
    """The rich list with verified hashes -> JPEGs in a TFRecord."""
    with shelf() as site:
        table = rich_table(site, folder)
        report = download(
            table, image_size=32, output_folder=str(folder / "out"), output_format="tfrecord",
            resize_mode="center_crop", upscale_interpolation="NEAREST", extract_exif=False,
            url_col="LINK", caption_col="text", compute_hash="md5", verify_hash=["md", "md5"],
            save_additional_columns=list(ADDITIONAL),
        )  # fmt: skip
    return Run(folder / "out", (*KEPT, *FAILING), table, report)


BOX = [0.2, 0.2, 0.6, 0.4]
BOXED = ("plain", "boxed", "empty", "turned", "smaller")


def boxed(folder: Path) -> Run:
    """A list with boxes in zipped JSON lines -> WebP in Parquet, originals where they may stay."""
    files = {"plain": "still.webp", "boxed": "still.webp", "empty": "still.webp",
             "turned": "turned.jpg", "smaller": "plain.png"}  # fmt: skip
    boxes = {"boxed": [BOX], "empty": []}
    with shelf() as site, gzip.open(folder / "list.jsonl.gz", "wt") as lines:
        for n, name in enumerate(BOXED):
            line = {"url": site.url(files[name]), "faces": boxes.get(name), "n": n}
            lines.write(f"{json.dumps(line)}\n")
        lines.close()
        report = download(
            folder / "list.jsonl.gz", image_size=200, output_folder=str(folder / "out"),
            resize_mode="keep_ratio", resize_only_if_bigger=True, encode_format="webp",
            encode_quality=101, skip_reencode=True, output_format="parquet",
            input_format="jsonl.gz", bbox_col="faces", save_additional_columns=["n"],
            compute_hash=None, apply_exif_orientation=False,
        )  # fmt: skip
    return Run(folder / "out", BOXED, None, report)


UNTOUCHED = ("plain.png", "page.html", "nothing.jpg", "noai.jpg", "cut.jpg", "tags.jpg")
CSV = {
    "text": ["007", "1.0", "2020-01-02", "TRUE", 'a, "b"', ""],
    "whole": [str(n) for n in range(6)],
    "zeros": ["01", "2", "3", "4", "5", "6"],
    "dots": ["0.5", "1.25", "2.5", "", "4.5", "5.75"],
    "longer": ["0.10", "1.5", "2", "3", "4", "5"],
    "days": ["2020-01-02"] * 6,
}
"""Columns of a CSV list; what each becomes is for the tests to say."""


def untouched(folder: Path) -> Run:
    """A CSV list -> original bytes in Parquet; X-Robots-Tag is not looked at."""
    with shelf() as site, (folder / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["url", *CSV])
        for name, *values in zip(UNTOUCHED, *CSV.values(), strict=True):
            writer.writerow([site.url(name), *values])
        file.write(f"{site.url('plain.png')},one field too few\n")
        file.close()
        report = download(
            str(folder / "list.csv"), output_folder=str(folder / "out"), input_format="csv",
            output_format="parquet", caption_col="text", disable_all_reencoding=True,
            compute_hash="sha512", disallowed_header_directives=[], min_image_size=1000,
            user_agent="me/1 (hi)",
            save_additional_columns=["whole", "zeros", "dots", "longer", "days"],
        )  # fmt: skip
    return Run(folder / "out", UNTOUCHED, None, report, agents=site.agents)


def commanded(folder: Path) -> Run:
    """A folder of lists, on the command line, in many spellings, with a config file."""
    with Site() as site:
        lists = folder / "lists"
        lists.mkdir()
        good, missing = site.url("/image/1.jpg?a=b,c\"d'"), site.url("/status/404")
        (lists / "b.txt").write_text(f"{missing}\n")
        (lists / "a.txt").write_text(f"  {good}&n=1\n\n{good}&n=2\r\n\t\n" + f"{good}&n=3\n" * 2)
        (lists / "c.json").write_text("not of this format")
        (folder / "options.toml").write_text("oom_shard_count = 7\nthread_count = 3\n")
        done = call(
            "lists", "96", "2020", "--config", "options.toml", "--oom-shard-count", "3",
            "--number_sample_per_shard=3", "--resize-mode", "keep_ratio_largest",
            "--noextract_exif", "--compute_hash", "None", "--max_aspect_ratio=inf",
            "--user_agent_token", "123", "--disallowed_header_directives", "[]",
            cwd=folder,
        )  # fmt: skip
        agents = [request.headers["user-agent"] for request in site.requests]
    return Run(folder / "2020", [f"{good}&n={n}" for n in (1, 2, 3, 3)] + [missing],
               agents=agents, printed=done)  # fmt: skip


MANNERS: dict[str, str | None] = {
    "/redirect?n=10": None,
    "/redirect?n=11": "too many redirects",
    "/text/é ø?a b=ü": "Image decoding error",
    "/flaky?fail=1&how=503&token=busy": None,
    "/status/404?token=once": "HTTP Error 404: Not Found",
    "/status/418": "HTTP Error 418: I'm a Teapot",
    "/robots?tag=otherbot:%20noai": None,
    "/robots?tag=nofollow": None,
    **dict.fromkeys(
        (
            "/robots?tag=noai,%20otherbot:%20noindex&padding=1",
            "/robots?tag=max-snippet:%205,%20noai",
            "/robots?tag=unavailable_after:%2025%20Jun%202010%2015:00:00%20PST,%20noai",
            "/robots?tag=mybot%20:%20noindex",
            "/robots?tag=none",
            "/robots?tag=nofollow&tag=NoImageIndex",
            "/redirect?header=X-Robots-Tag:%20noindex",
        ),
        "Use of image disallowed by X-Robots-Tag directive",
    ),
    "/image/102.jpg?padding=50000000&header=X-Robots-Tag:%20noai": (
        "Use of image disallowed by X-Robots-Tag directive"
    ),
}
"""Path -> error string of its row."""
BEHIND_PROXY = "http://nowhere.invalid/image/104.jpg"


@dataclass(frozen=True)
class Manners:
    """A run over a well-behaved site, one whose certificate nobody knows, and a proxy."""

    messages: Mapping[str, str | None]
    site: Site
    secure: Site


def manners(folder: Path) -> Manners:
    with Site() as site, Site(tls=True) as secure, pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", site.url(""))
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        urls = {path: site.url("") + path for path in MANNERS}
        urls |= {f"/image/{n}.jpg": site.url(f"/image/{n}.jpg") for n in range(20)}
        urls["secure"] = secure.url("/image/1.jpg")
        urls["proxy"] = BEHIND_PROXY
        download(
            list(urls.values()), output_folder=str(folder / "out"), output_format="webdataset",
            user_agent_token="mybot", ignore_ssl_certificate=True, retries=1, thread_count=4,
            image_size=16,
        )  # fmt: skip
    message = {row["url"]: row["error_message"] for row in Dataset(folder / "out").rows}
    return Manners({path: message[url] for path, url in urls.items()}, site, secure)


MAKERS: Mapping[str, Callable[[Path], Any]] = {
    maker.__name__: maker for maker in (rich, recorded, boxed, untouched, commanded, manners)
}


def opened(data: bytes) -> Any:
    """The pixels of a picture, as stored."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def is_there(test: str) -> bool:
    """Whether "folder/test_file.py::test_name" names a test."""
    path, _, name = test.partition("::")
    return name in tests_of(Path(__file__).parents[1] / path)


@cache
def tests_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
