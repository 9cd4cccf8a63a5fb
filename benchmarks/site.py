"""A folder of pictures -> a site: nginx on 127.0.0.1, http and https, on free ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

LOOPBACK = "127.0.0.1"
SUFFIXES = {
    ".jpg": "jpg",
    ".jpeg": "jpg",
    ".png": "png",
    ".webp": "webp",
    ".gif": "gif",
    ".avif": "avif",
}
"""Of what is served, and the suffix it gets."""
CERTIFICATE = "certificate.pem"
"""In the server's folder; clients get it as SSL_CERT_FILE."""
CONFIG = """\
daemon off;
master_process off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000;
    ssl_session_cache shared:tls:4m;
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    types {{
        image/jpeg jpg;
        image/png png;
        image/webp webp;
        image/gif gif;
        image/avif avif;
    }}
    server {{
        listen {address}:{port} backlog=4096;
        {tls}
        root {folder}/photos;
    }}
}}
"""
TLS = """\
listen {address}:{tls_port} ssl http2 backlog=4096;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Pictures on a running server."""

    port: int
    tls_port: int
    """0 = no https."""
    names: Sequence[str]
    """0.jpg, 1.png, ..."""
    pid: int

    def urls(self, count: int, *, tls: bool = False) -> list[str]:
        """Return `count` different URLs: the pictures repeat, the query does not."""
        root = f"https://{LOOPBACK}:{self.tls_port}" if tls else f"http://{LOOPBACK}:{self.port}"
        return [f"{root}/{self.names[n % len(self.names)]}?n={n}" for n in range(count)]


@contextmanager
def serving(
    photos: Path, folder: Path, *, address: str = LOOPBACK, https: bool = False
) -> Iterator[Site]:
    """Serve the pictures of `photos`; the server keeps its own files in `folder`.

    Other files in `folder`/photos are served too.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise BenchmarkError("nginx is missing: apt-get install nginx-light")
    names = link_photos(photos, folder / "photos")
    port, tls_port, tls = free_port(), 0, ""
    if https:
        make_certificate(folder)
        tls_port = free_port()
        tls = TLS.format(address=address, tls_port=tls_port, folder=folder)
    # as root of a user namespace it could not give its folders to anyone else
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, address=address, port=port, tls=tls, user=user))
    server = subprocess.Popen([program, "-p", str(folder), "-c", str(config)])
    try:
        wait_until_it_listens(server, port)
        yield Site(port, tls_port, names, server.pid)
    finally:
        server.terminate()
        server.wait()


def link_photos(photos: Path, folder: Path) -> list[str]:
    """Give the pictures names that need no quoting in a URL; return these."""
    found = sorted(path for path in photos.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise BenchmarkError(f"no picture in {photos}")
    folder.mkdir(exist_ok=True)
    names = [f"{n}.{SUFFIXES[path.suffix.lower()]}" for n, path in enumerate(found)]
    for name, path in zip(names, found, strict=True):
        (folder / name).symlink_to(path.resolve())
    return names


def make_certificate(folder: Path) -> None:
    """Make a self-signed certificate, which clients have to be configured to trust."""
    program = shutil.which("openssl")
    if program is None:
        raise BenchmarkError("openssl is missing: apt-get install openssl")
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / CERTIFICATE)]
    names = ["-subj", "/CN=site.test", "-addext", f"subjectAltName=DNS:*.test,IP:{LOOPBACK}"]
    subprocess.run([*command, *files, *names], check=True, capture_output=True)


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
