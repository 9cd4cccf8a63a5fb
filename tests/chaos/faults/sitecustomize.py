"""On PYTHONPATH of a run: its files fail, or the process dies, at a certain touch of the output.

`CHAOS` in the environment is JSON: which `role` (worker or parent) is hurt; under which path
(`root`) or to which `port` touches count; `at` which of them; whether it is to "fail" with
`errno`, `times` in a row, or to "kill"; `after` the touch or before; and a file, `once`,
that is there when it has happened: one process of a run is killed.
"""

from __future__ import annotations

import _io
import builtins
import io
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Fault:
    """Counts touches, and acts at the right one."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.root = plan.get("root") or "\0"
        self.port = plan.get("port")
        self._plan = plan
        self._count = 0

    def touches(self, place: Any) -> bool:
        """Whether a path or an open file is in the output folder."""
        if isinstance(place, int):
            try:
                place = str(Path(f"/proc/self/fd/{place}").readlink())
            except OSError:
                return False
        return str(place).startswith(self.root)

    def around(self, act: Callable[[], Any], *, may_fail: bool = True) -> Any:
        self._count += 1
        reached = self._count >= self._plan["at"]
        if self._plan["action"] == "fail":
            if reached and may_fail and self._plan["times"] > 0:
                self._plan["times"] -= 1
                self._note()
                raise OSError(self._plan["errno"], os.strerror(self._plan["errno"]), "chaos")
            return act()
        if reached and not self._plan["after"]:
            self._die()
        result = act()
        if reached:
            self._die()
        return result

    def _die(self) -> None:
        if self._note():
            os.kill(os.getpid(), signal.SIGKILL)

    def _note(self) -> bool:
        """Whether this is the first time in this round."""
        try:
            os.close(os.open(self._plan["once"], os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True


def hurt_files(fault: Fault) -> None:
    plain_open = builtins.open

    class File(_io.FileIO):
        def write(self, data: Any) -> int:
            def write() -> int:
                return super(File, self).write(data)

            return fault.around(write) if fault.touches(self.fileno()) else write()

    def open_(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
        if "r" in mode or "+" in mode or "b" not in mode or not fault.touches(file):
            return plain_open(file, mode, buffering, *args, **kwargs)
        raw = fault.around(lambda: File(file, mode.replace("b", "")))
        return raw if buffering == 0 else io.BufferedWriter(raw)

    io.FileIO = File  # type: ignore[misc]
    io.open = builtins.open = open_
    for name, may_fail in {
        "fsync": True, "replace": True, "rename": True, "mkdir": True, "unlink": False,
        "rmdir": False,
    }.items():  # fmt: skip
        setattr(os, name, hurt(fault, getattr(os, name), may_fail=may_fail))


def hurt(fault: Fault, function: Callable[..., Any], *, may_fail: bool) -> Callable[..., Any]:
    def hurt_function(place: Any, *args: Any, **kwargs: Any) -> Any:
        if not fault.touches(place):
            return function(place, *args, **kwargs)
        return fault.around(lambda: function(place, *args, **kwargs), may_fail=may_fail)

    return hurt_function


def hurt_connections(fault: Fault) -> None:
    plain_send = socket.socket.send

    def send(self: socket.socket, *args: Any) -> int:
        try:
            ours = self.getpeername()[1] == fault.port
        except (OSError, IndexError):
            ours = False
        if ours:
            sent: int = fault.around(lambda: plain_send(self, *args), may_fail=False)
            return sent
        return plain_send(self, *args)

    socket.socket.send = send  # type: ignore[method-assign, assignment]


def main() -> None:
    plan = json.loads(os.environ["CHAOS"])
    role = (
        "worker" if any("img2dataset.worker.main" in part for part in sys.orig_argv) else "parent"
    )
    if role != plan["role"]:
        return
    fault = Fault(plan)
    if fault.port is None:
        hurt_files(fault)
    else:
        hurt_connections(fault)


if "CHAOS" in os.environ:
    main()
