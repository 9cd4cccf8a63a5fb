"""A tool, a list and the servers it needs -> what the run used and what the servers saw."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Generic, TypeVar

from benchmarks.cases import Outcome, run_list
from benchmarks.measure import Usage, measure
from benchmarks.names import NamesLog
from benchmarks.servers import started
from benchmarks.site import Site, free_port
from benchmarks.web import WebLog

OPTIONS = {"output_format": "dummy", "disable_all_reencoding": "True"}
LOOP_TIMEOUT = 300.0

T = TypeVar("T")


class Role(Enum):
    """The column of the table that a tool fills."""

    OLD = "old"
    ALIKE = "ours, 2 processes"
    ALONE = "ours, 1 process"
    LOOP = "bare loop"
    HASHING_LOOP = "bare loop + sha256"


@dataclass(frozen=True, slots=True)
class Tool:
    """A program in a role."""

    role: Role
    program: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    """Beyond the case's: what only this tool knows."""

    def sized(self, processes: int, threads: int, *, shard: int) -> dict[str, str]:
        """Return options for this many threads in each process; alone, one process has them all."""
        if self.role is Role.ALONE:
            processes, threads = 1, processes * threads
        return {
            "processes_count": str(processes),
            "thread_count": str(threads),
            "number_sample_per_shard": str(shard),
        }


@dataclass(slots=True)
class Server(Generic[T]):
    """A server process of the benchmark."""

    pid: int
    port: int
    log: T
    """What it saw; filled when it has ended."""


@dataclass
class Bench:
    """Runs programs on lists, with the servers that they need."""

    folder: Path
    env: Mapping[str, str]
    site: Site
    thumbnails: Path
    about: str = ""
    """Which run this is: case, round and tool."""
    remarks: list[str] = field(default_factory=list)
    """What a reader must know before trusting the numbers."""
    invalid: bool = False
    """Whether some run went wrong."""

    def run(
        self,
        tool: Tool,
        urls: Sequence[str],
        options: Mapping[str, str],
        servers: Sequence[Server[Any]] = (),
        *,
        least: int | None = None,
    ) -> Outcome:
        """Run a tool; with fewer than `least` successes (default: all) the run does not count."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            outcome = run_list(
                urls,
                {**OPTIONS, **options, **tool.options},
                tool.program,
                folder=Path(place),
                env=self.env,
                helpers=[self.site.pid, *(server.pid for server in servers)],
            )
            needed = len(urls) if least is None else least
            if outcome.usage.exit_code != 0 or outcome.successes < needed:
                self._reject(
                    f"{outcome.successes} successes of {len(urls)}, "
                    f"exit code {outcome.usage.exit_code}"
                )
                print((Path(place) / "log.txt").read_text()[-2000:], file=sys.stderr)
        self._doubt(outcome.usage)
        return outcome

    def loop(self, tool: Tool, urls: Sequence[str]) -> tuple[Usage, float]:
        """Run the bare loop; return what it used, and the seconds of the loop alone."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            url_list, log = Path(place) / "list.txt", Path(place) / "log.txt"
            url_list.write_text("\n".join(urls))
            usage = measure(
                [*tool.program, str(url_list)],
                env=self.env,
                log=log,
                timeout=LOOP_TIMEOUT,
                helpers=[self.site.pid],
            )
            said = json.loads(log.read_text())
        if said["successes"] != len(urls):
            self._reject(f"{said['successes']} successes of {len(urls)}")
        self._doubt(usage)
        return usage, said["seconds"]

    @contextmanager
    def names(self, **zone: float) -> Iterator[Server[NamesLog]]:
        """Start the name server that /etc/resolv.conf names; keyword arguments are its flags."""
        with self._served("benchmarks.names", {"port": 53, **zone}, NamesLog) as server:
            yield server

    @contextmanager
    def web(self, **manners: Any) -> Iterator[Server[WebLog]]:
        """Start a site on every address; keyword arguments are its flags."""
        flags = {"address": "0.0.0.0", "port": free_port(), "photos": self.thumbnails, **manners}
        with self._served("benchmarks.web", flags, WebLog) as server:
            yield server

    @contextmanager
    def _served(
        self, module: str, flags: Mapping[str, Any], log: Callable[..., T]
    ) -> Iterator[Server[T]]:
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            path = Path(place) / "log.json"
            words = [
                word
                for name, value in {**flags, "log": path}.items()
                for word in (f"--{name.replace('_', '-')}", str(value))
            ]
            with started(module, words) as pid:
                server = Server(pid, flags["port"], log())
                yield server
            server.log = log(**json.loads(path.read_text()))

    def _reject(self, why: str) -> None:
        self.invalid = True
        self.remarks.append(f"{self.about}: INVALID: {why}")

    def _doubt(self, usage: Usage) -> None:
        if usage.elsewhere > 0.1:
            self.remarks.append(
                f"{self.about}: other programs took {usage.elsewhere:.0%} of the machine"
            )
        if usage.left_behind:
            self.remarks.append(f"{self.about}: {usage.left_behind} processes were left")
