"""A folder of photos -> a site: nginx on 127.0.0.1, plain http, on a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

CONFIG = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    types {{ image/jpeg jpg; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {folder}/photos;
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Photos 0.jpg .. {photos - 1}.jpg on a running server."""

    port: int
    photos: int
    pid: int

    def urls(self, count: int) -> list[str]:
        """`count` different URLs; the photos repeat, the query does not."""
        root = f"http://127.0.0.1:{self.port}"
        return [f"{root}/{n % self.photos}.jpg?n={n}" for n in range(count)]


@contextmanager
def serving(photos: Path, folder: Path) -> Iterator[Site]:
    """Serve the JPEGs of `photos`; `folder` is the server's own place for its files."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise BenchmarkError("nginx is missing: apt-get install nginx-light")
    count = link_photos(photos, folder / "photos")
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # else the workers may not read the photos
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, user=user))
    server = subprocess.Popen([program, "-p", str(folder), "-c", str(config)])
    try:
        wait_until_it_listens(server, port)
        yield Site(port, count, server.pid)
    finally:
        server.terminate()
        server.wait()


def link_photos(photos: Path, folder: Path) -> int:
    """Give the photos names that need no quoting in a URL; return how many there are."""
    found = sorted(path for path in photos.iterdir() if path.suffix.lower() in {".jpg", ".jpeg"})
    if not found:
        raise BenchmarkError(f"no .jpg in {photos}")
    folder.mkdir()
    for n, path in enumerate(found):
        (folder / f"{n}.jpg").symlink_to(path.resolve())
    return len(found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_listens(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        if listens(port):
            return
        time.sleep(0.05)
    raise BenchmarkError(f"nginx did not start on port {port}; it says why above")


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
