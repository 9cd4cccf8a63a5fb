"""Debian's sshd on a free port of this machine, with a key of its own."""

from __future__ import annotations

import getpass
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from tests.site.loopback import free_port

SSHD = "/usr/sbin/sshd"


@dataclass(frozen=True)
class SftpServer:
    """It serves the whole machine's files to whoever has the key, which is in its folder."""

    port: int
    key: Path

    def url(self, path: Path) -> str:
        return f"sftp://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    @property
    def environment(self) -> dict[str, str]:
        return {"FSSPEC_SFTP_KEY_FILENAME": str(self.key)}


@contextmanager
def sftp_server(folder: Path) -> Iterator[SftpServer]:
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    keys = folder / "authorized"
    keys.write_bytes((folder / "user.pub").read_bytes())
    port = free_port()
    settings = [
        f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder / 'host'}", "UsePAM no",
        f"AuthorizedKeysFile {keys}", "StrictModes no", "PasswordAuthentication no",
        "Subsystem sftp internal-sftp", f"PidFile {folder / 'pid'}", "PermitRootLogin yes",
    ]  # fmt: skip
    (folder / "config").write_text("\n".join(settings))
    Path("/run/sshd").mkdir(exist_ok=True)  # where it wants to stand when it serves as root
    server = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield SftpServer(port, folder / "user")
    finally:
        server.terminate()
        server.wait()


def wait_for(port: int) -> None:
    deadline = monotonic() + 10
    while not answers(port):
        assert monotonic() < deadline, "sshd does not start"
        sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
