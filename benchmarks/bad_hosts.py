"""Measure what a bad host costs a run: `python -m benchmarks.bad_hosts [--append TABLE.md]`.

2 % of the rows are on one bad host.  For each kind of bad host the wall time of the whole command
is compared with that of the same list without these rows, measured just before.  Everything is on
loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import socket
import subprocess
import sys
import tempfile
import time
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np

GOOD_HOSTS = 50
GOOD_SECONDS = 0.4
TIMEOUT_S = 10.0
SHARE = 0.02
MAX_RATIO = 1.3
"""Times the wall time without them, and one timeout more: what they may cost."""

Handler = Callable[[Reader, Writer], Awaitable[None]]


def image() -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((64, 64, 3), 200, np.uint8))[1])


def reply(status: str, *headers: str, body: bytes = b"", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def answering(answer: bytes, seconds: float = 0.0) -> Handler:
    """Answer each request with `answer` after this many seconds."""

    async def handle(reader: Reader, writer: Writer) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            await asyncio.sleep(seconds)
            writer.write(answer)
            await writer.drain()

    return handle


def closing(seconds: float) -> Handler:
    async def handle(_reader: Reader, _writer: Writer) -> None:
        await asyncio.sleep(seconds)

    return handle


async def reset(_reader: Reader, writer: Writer) -> None:
    transport = writer.transport
    transport.abort()


async def drip(reader: Reader, writer: Writer) -> None:
    await reader.readline()
    writer.write(reply("200 OK", "Content-Type: image/jpeg", body=image()[:20], length=100_000))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1.0)


HANDLERS: dict[str, Handler] = {
    "silent": closing(3600.0),
    "closes after 3 s": closing(3.0),
    "closes after 9 s": closing(9.0),
    "resets": reset,
    "500": answering(reply("500 Oops")),
    "504 after 9 s": answering(reply("504 Late"), 9.0),
    "503": answering(reply("503 Busy")),
    "429": answering(reply("429 Too Many")),
    "429, Retry-After: 30": answering(reply("429 Too Many", "Retry-After: 30")),
    "429, Retry-After: 60": answering(reply("429 Too Many", "Retry-After: 60")),
    "429, Retry-After: 3600": answering(reply("429 Too Many", "Retry-After: 3600")),
    "drips": drip,
    "leads in circles": answering(reply("302 Found", "Location: /again")),
    "leads in circles slowly": answering(reply("302 Found", "Location: /again"), 1.5),
}
SILENT_TLS = "hangs in TLS"
REFUSES = "refuses connections"
BLACK_HOLE = "black hole"
KINDS = (*HANDLERS, SILENT_TLS, REFUSES, BLACK_HOLE)


def serve(to_parent: Connection) -> None:
    asyncio.run(serving(to_parent))


async def serving(to_parent: Connection) -> None:
    """Every server, in a process of its own; tells the ports."""

    def quietly(handler: Handler) -> Handler:
        async def handle(reader: Reader, writer: Writer) -> None:
            try:
                await handler(reader, writer)
            except OSError:
                pass  # the client had enough
            finally:
                writer.close()

        return handle

    good = answering(reply("200 OK", "Content-Type: image/jpeg", body=image()), GOOD_SECONDS)
    ports, held = {}, []
    for kind, handler in {**HANDLERS, SILENT_TLS: closing(3600.0), "good": good}.items():
        address = "0.0.0.0" if kind == "good" else "127.0.0.1"
        server = await asyncio.start_server(quietly(handler), address, 0, backlog=1024)
        held.append(server)
        ports[kind] = server.sockets[0].getsockname()[1]
    closed, full = socket.socket(), socket.socket()
    closed.bind(("127.0.0.1", 0))
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    crowd = [socket.socket() for _ in range(4)]  # its queue is full: what comes is not answered
    for each in crowd:
        each.setblocking(False)
        each.connect_ex(full.getsockname())
    ports[REFUSES], ports[BLACK_HOLE] = closed.getsockname()[1], full.getsockname()[1]
    to_parent.send(ports)
    await asyncio.Event().wait()


def urls_of(ports: dict[str, int], rows: int, kind: str | None) -> list[str]:
    bad = round(SHARE * rows)
    urls = [
        f"http://127.0.1.{1 + number % GOOD_HOSTS}:{ports['good']}/{number}"
        for number in range(rows - bad)
    ]
    if kind is not None:
        scheme = "https" if kind == SILENT_TLS else "http"
        urls += [f"{scheme}://127.0.0.1:{ports[kind]}/{number}" for number in range(bad)]
    random.Random(1).shuffle(urls)
    return urls


def run(urls: Sequence[str]) -> tuple[float, int, str]:
    """Run the command; return its wall time, its images and its failures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.txt")
        path.write_text("\n".join(urls))
        command = [sys.executable, "-m", "img2dataset", f"--url_list={path}"]
        options = [f"--output_folder={folder}/out", "--output_format=dummy", "--thread_count=256"]
        options += [f"--timeout={TIMEOUT_S:g}"]
        began = time.monotonic()
        subprocess.run([*command, *options], check=False, capture_output=True)
        seconds = time.monotonic() - began
        stats = [json.loads(each.read_text()) for each in Path(folder, "out").glob("*_stats.json")]
    failed: dict[str, int] = {}
    for each in stats:
        for label, count in each["status_dict"].items():
            failed[label] = failed.get(label, 0) + count
    images = failed.pop("success", 0)
    return seconds, images, ", ".join(f"{label} {count}" for label, count in failed.items())


def measure(rows: int, kinds: Sequence[str]) -> str:
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        ports = here.recv()
        lines = [
            "| bad host | s without | s with | at most | within | good images lost | its rows |",
            "|--|--:|--:|--:|--|--:|--|",
        ]
        for kind in kinds:
            alone, images, _ = run(urls_of(ports, rows, None))
            most = MAX_RATIO * alone + TIMEOUT_S
            seconds, kept, failed = run(urls_of(ports, rows, kind))
            within = "yes" if seconds <= most else "**no**"
            lines.append(
                f"| {kind} | {alone:.1f} | {seconds:.1f} | {most:.1f} | {within} "
                f"| {images - kept} | {failed} |"
            )
        return "\n".join(lines)
    finally:
        server.terminate()
        server.join()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bad_hosts", description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--append", type=Path, metavar="FILE", help="add the table to FILE")
    arguments = parser.parse_args()
    head = f"## Bad hosts: {SHARE:.0%} of {arguments.rows:,} rows on one, timeout {TIMEOUT_S:g} s"
    text = f"{head}\n\n{measure(arguments.rows, arguments.kinds)}\n"
    print(text)
    if arguments.append is not None:
        with arguments.append.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}")


if __name__ == "__main__":
    main()
