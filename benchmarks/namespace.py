"""A benchmark -> the same benchmark in a network namespace, with a name server in it.

The old tool only uses the system's resolver, so both tools get that of the benchmark: in a mount
and network namespace, /etc/resolv.conf names 127.0.0.1 and nothing else is reachable.  Packets to
10.9.0.0/16 vanish there.  Nothing outside is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

INSIDE = "IMG2DATASET_BENCH_INSIDE"
HOLE = "10.9.0.0/16"
NEEDED = ("unshare", "mount", "ip")
RESOLVER = "nameserver 127.0.0.1\n"
LOOKUP = "hosts: files dns\n"
"""Else a resolver service outside could be asked, through a socket in the file system."""


def is_inside() -> bool:
    return INSIDE in os.environ


def why_not() -> str | None:
    """Return what forbids a namespace here; None = nothing does."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"missing: {', '.join(missing)} (Linux: util-linux, iproute2)"
    tried = subprocess.run([*unshare(), "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else tried.stderr.strip()


def enter(module: str, argv: Sequence[str]) -> None:
    """Become `python -m module argv` in a namespace; does not return."""
    os.environ[INSIDE] = "1"
    os.execvp("unshare", [*unshare(), sys.executable, "-m", module, *argv])


def unshare() -> list[str]:
    """Return the command: other users than root enter a user namespace first, where allowed."""
    return ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net", "--mount"]


def furnish(folder: Path) -> None:
    """Set up the current namespace as the docstring of this module says."""
    for words in (["link", "set", "lo", "up"], ["route", "add", HOLE, "dev", "lo"]):
        # what is routed to lo and is nobody's address there is dropped without a word
        subprocess.run(["ip", *words], check=True)
    for place, text in (("/etc/resolv.conf", RESOLVER), ("/etc/nsswitch.conf", LOOKUP)):
        if Path(place).exists():
            ours = folder / Path(place).name
            ours.write_text(text)
            subprocess.run(["mount", "--bind", str(ours), place], check=True)
