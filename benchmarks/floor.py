"""URLs -> nothing: a bare loop around libcurl, the minimum for any downloader on libcurl.

python -m benchmarks.floor LIST [--in-flight 64] [--sha256]

One thread, reused connections, bodies joined and thrown away; no rows, no files, no checks.
Prints the number of bodies and the seconds of the loop, as JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycurl

BUFFER = 256 * 1024


def download(urls: Iterator[str], *, in_flight: int, hashed: bool) -> int:
    """Download the URLs; return how many answers were 200."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, in_flight)
    chunks: dict[Any, list[bytes]] = {}
    running = good = 0

    def begin(handle: Any) -> int:
        url = next(urls, None)
        if url is None:
            return 0
        handle.setopt(pycurl.URL, url)
        chunks[handle] = []
        handle.setopt(pycurl.WRITEFUNCTION, chunks[handle].append)
        multi.add_handle(handle)
        return 1

    for _ in range(in_flight):
        running += begin(new_handle())
    while running:
        multi.perform()
        _, done, failed = multi.info_read(in_flight)
        for handle in (*done, *(failure[0] for failure in failed)):
            body = b"".join(chunks[handle])
            if hashed:
                hashlib.sha256(body).hexdigest()
            good += handle.getinfo(pycurl.RESPONSE_CODE) == 200
            multi.remove_handle(handle)
            running += begin(handle) - 1
        if not done and not failed:
            multi.select(1.0)
    return good


def new_handle() -> Any:
    handle = pycurl.Curl()
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.BUFFERSIZE, BUFFER)
    if trusted := os.environ.get("SSL_CERT_FILE"):
        handle.setopt(pycurl.CAINFO, trusted)
    return handle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("list", type=Path, help="one URL a line")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--sha256", action="store_true", help="and hash every body")
    given = parser.parse_args()
    urls = given.list.read_text().split()
    began = time.monotonic()
    good = download(iter(urls), in_flight=given.in_flight, hashed=given.sha256)
    seconds = time.monotonic() - began
    json.dump({"successes": good, "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
