"""The released tool, started once: to import it takes three seconds of each of its three processes.

It is the command as installed, with the same arguments.  Only its processes are forks of one that
has imported everything, where the command itself would begin with new interpreters.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / ".old-venv" / "bin" / "img2dataset"
OLD = Path(os.environ.get("IMG2DATASET_OLD") or BENCHMARKS)

PROGRAM = """
import json, multiprocessing, os, sys
from multiprocessing import context

forked = multiprocessing.get_context("fork")
multiprocessing.get_context = lambda method=None: forked
context.SpawnProcess._Popen = staticmethod(context.ForkProcess._Popen)
from img2dataset import main

said = os.dup(1)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        log = os.open(json.loads(line)["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = ["img2dataset", *json.loads(line)["arguments"]]
        code = 1
        try:
            main()
            code = 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    os.write(said, b"%d\\n" % os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class OldTool:
    """A process that has imported it."""

    process: subprocess.Popen[str]
    log: Path

    def run(self, arguments: Sequence[str]) -> None:
        """As the command does; it must succeed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"log": str(self.log), "arguments": list(arguments)}
        self.process.stdin.write(f"{json.dumps(request)}\n")
        self.process.stdin.flush()
        code = self.process.stdout.readline().strip()
        assert code == "0", f"exit code {code}\n{self.log.read_text()}"


@contextmanager
def started(log: Path) -> Iterator[OldTool]:
    process = subprocess.Popen(
        [OLD.parent / "python", "-c", PROGRAM],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"},
    )  # fmt: skip
    with process:
        yield OldTool(process, log)
