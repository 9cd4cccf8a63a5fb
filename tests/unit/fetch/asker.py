"""Commands, a line each -> what a process of a run does to one host; here, or in a process of its
own (`Elsewhere`), because the locks between processes say nothing within one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, final

from img2dataset.errors import Reason, format_http_label
from img2dataset.fetch.hosts.hosts import Hosts
from img2dataset.fetch.hosts.shared import SharedLimits
from img2dataset.records import Body, Failure

HOST = "http://a"
ROOT = Path(__file__).parents[3]


class Asker:
    """What the engine does with a host; each command says when requests have begun."""

    def __init__(self, path: str, most: int | None, delay: float, first: int = 16) -> None:
        self.shared = SharedLimits(path)
        self._hosts: Hosts[int] = Hosts(
            first, 256, max_connections_per_host=most, min_delay_per_host=delay, shared=self.shared
        )

    def do(self, command: str, *arguments: Any) -> Any:
        return getattr(self, command)(*arguments)

    def ask(self, count: int, now: float) -> list[float]:
        for number in range(count):
            if self._hosts.admit(HOST, number, now) is True:
                self._hosts.make_ready(HOST, number)
        return self._begun(now)

    def ask_anyway(self, now: float) -> list[float]:
        return [now] if self._hosts.admit_anyway(HOST, now) else []

    def look(self, now: float) -> list[float]:
        """Go on, up to `now`."""
        begun = []
        while (due := self._hosts.next_time()) is not None and due <= now:
            self._hosts.look(due)
            begun += self._begun(due)
        return begun

    def end(self, count: int, now: float) -> list[float]:
        for _ in range(count):
            self._hosts.ended(HOST, Body(b""), 0.01, now)
        return self._begun(now)

    def refuse(self, wish: float, now: float) -> list[float]:
        """End a request with a 429."""
        reason = Reason.HTTP_STATUS_TRANSIENT
        self._hosts.ended(HOST, Failure(reason, format_http_label(429)), 0.01, now, wish)
        return self._begun(now)

    def place(self, host: str, most: int) -> int | None:
        return self.shared.take_slot(host, most)

    def time(self, host: str, delay: float, now: float) -> float:
        return self.shared.reserve_time(host, delay, now)

    def _begun(self, now: float) -> list[float]:
        begun = []
        while self._hosts.any_ready:
            if self._hosts.next_ready(now) is not None:
                begun.append(now)
        return begun


@final
class Elsewhere:
    """An Asker in another process, told by its standard input."""

    def __init__(self, path: str, most: int | None = None, delay: float = 0.0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, path, json.dumps([most, delay])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End it with no chance to tidy up."""
        self._process.kill()
        self._process.communicate()

    def do(self, command: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, *arguments]).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def main() -> None:
    path, rest = sys.argv[1:]
    asker = Asker(path, *json.loads(rest))
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(asker.do(command, *arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
