"""A site behind nginx: what it answers, over TLS and HTTP/2."""

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

from tests.site.loopback import free_port
from tests.site.server import CERTIFICATE, Site

CONFIG = """\
daemon off;
master_process off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 1024; }}
http {{
    log_format seen "$connection $server_protocol $request_uri";
    access_log {folder}/seen.log seen;
    keepalive_requests {requests};
    http2_max_concurrent_streams {streams};
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    server {{
        listen 127.0.0.1:{port} ssl http2 backlog=1024;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_redirect off;
        }}
    }}
}}
"""


@dataclass(slots=True)
class Front:
    """The server in front of a site."""

    port: int
    folder: Path
    server: subprocess.Popen[bytes]

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}{path}"

    def seen(self) -> list[tuple[int, str, str]]:
        """(number of the connection, protocol, path and query) of each request that is over."""
        lines = (self.folder / "seen.log").read_text().splitlines()
        words = [line.split(" ", 2) for line in lines]
        return [(int(connection), protocol, target) for connection, protocol, target in words]

    @property
    def connections(self) -> int:
        return len({connection for connection, _, _ in self.seen()})

    def stop(self) -> None:
        """Close all connections, whatever they are in the middle of."""
        self.server.kill()
        self.server.wait()


@contextmanager
def in_front_of(
    site: Site, folder: Path, *, streams: int = 128, requests: int = 100_000
) -> Iterator[Front]:
    """`streams` = requests at once over a connection; `requests` = in all."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert program, "nginx is missing: apt-get install nginx-light"
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        CONFIG.format(
            # as root of a user namespace it could not give its folders to anyone else
            user="user root;" if os.geteuid() == 0 else "",
            folder=folder,
            port=port,
            behind=site.port,
            certificate=CERTIFICATE,
            key=CERTIFICATE.with_name("key.pem"),
            streams=streams,
            requests=requests,
        )
    )
    server = subprocess.Popen([program, "-p", str(folder), "-c", str(config)])
    try:
        _wait(server, port)
        yield Front(port, folder, server)
    finally:
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        assert server.poll() is None, "nginx says above why it ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not listen")
