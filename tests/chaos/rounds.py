"""A plan -> a run that is hurt, the same command again, and what is wrong then, if anything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.contents import (
    check_counts,
    check_done_shards,
    contents,
    differences,
    hidden_names,
)
from tests.chaos.indexes import check_index_files
from tests.chaos.plans import SHARD, Plan, Signal
from tests.processes import children
from tests.site import Site

FAULTS = Path(__file__).parent / "faults"
FORBIDDEN_CODES = {2, 70}
"""Bad usage and a crash: not what a fault may look like."""
PATIENCE = 240.0
"""Seconds that a run may take, on a machine with much else to do."""


class RoundError(Exception):
    """Something was lost."""


@dataclass
class Campaign:
    """Rounds on one site, with the truth of each format."""

    site: Site
    folder: Path
    truths: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    """Added to that of the runs."""
    rows: int = 23
    port: int | None = None
    """Of the store that the runs write to, if they write to one."""
    struck: int = 0
    """Rounds in which the fault came about; the others ended before it."""
    _making: threading.Lock = field(default_factory=threading.Lock)

    # where the dataset of a round is: to be replaced for stores elsewhere

    def url(self, name: str) -> str:
        return str(self.folder / name)

    def stored(self, name: str) -> Path:
        """The dataset as a folder of this machine."""
        return self.folder / name

    def remove(self, name: str) -> None:
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def check_hidden(self, name: str) -> None:
        left = hidden_names(self.stored(name)) - {
            "identity",
            "lock",
            "indexes",
            "published",
            "accounts",
        }
        if left:
            raise RoundError(f"left in the hidden folder: {left}")

    def disturb(self, plan: Plan, name: str) -> None:
        """What else goes wrong in the round."""

    def undisturb(self, name: str) -> None:
        """The end of that."""

    # rounds

    @property
    def url_list(self) -> Path:
        path = self.folder / "list.csv"
        if not path.exists():
            rows = [f"{self.site.url(target(n))},caption {n}" for n in range(self.rows)]
            path.write_text("\n".join(["url,caption", *rows]))
        return path

    def command(self, output_format: str, folder: str, options: Sequence[str]) -> list[str]:
        return [
            sys.executable, "-m", "img2dataset", f"--url_list={self.url_list}", "--input_format=csv",
            "--caption_col=caption", f"--output_folder={folder}",
            f"--output_format={output_format}", f"--number_sample_per_shard={SHARD}",
            "--image_size=24", "--thread_count=6", *options,
        ]  # fmt: skip

    def truth(self, output_format: str, options: Sequence[str] = ()) -> dict[str, Any]:
        """What an undisturbed run stores, on this machine's disk."""
        name = "".join([output_format, *options])
        with self._making:
            if name not in self.truths:
                folder = self.folder / f"truth-{name}"
                self.finish(self.command(output_format, str(folder), options), [])
                self.truths[name] = contents(folder)
            return self.truths[name]

    def finish(self, command: Sequence[str], before: Sequence[str]) -> None:
        run = subprocess.run(
            command, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
            env={**os.environ, **self.environment},
        )  # fmt: skip
        if run.returncode != 0:
            raise RoundError(
                f"the command does not finish it: exit {run.returncode}\n{run.stderr}\n"
                f"-- before:\n{''.join(before)}"
            )

    def play(self, plan: Plan) -> int:
        """One round; returns how the hurt run ended."""
        self.truth(plan.output_format, plan.kept_options)
        name = f"round-{plan.seed}"
        command = self.command(plan.output_format, self.url(name), plan.options)
        self.disturb(plan, name)
        code, errors = self._hurt(plan, command)
        self.undisturb(name)
        try:
            self._check(plan, name, command, (code, errors))
        except (RoundError, AssertionError, OSError, ValueError) as error:
            raise RoundError(f"{plan}\n{error}\n-- the hurt run, exit {code}:\n{errors}") from error
        self.remove(name)
        return code

    def _check(self, plan: Plan, name: str, command: Sequence[str], hurt: tuple[int, str]) -> None:
        truth = self.truth(plan.output_format, plan.kept_options)
        code, errors = hurt
        if code in FORBIDDEN_CODES and not allowed_to_fail_at_once(plan):
            raise RoundError(f"exit {code}")
        if self.port is None and self.stored(name).exists():
            check_done_shards(self.stored(name), truth)
            check_index_files(self.stored(name))
            check_counts(self.stored(name))
        # else it says that all is done, and is taken at its word
        if code != 0 or "could not be written" in errors:
            self.finish(command, [errors])
        wrong = differences(contents(self.stored(name)), truth)
        if wrong:
            raise RoundError("; ".join(wrong))
        self.check_hidden(name)

    def _hurt(self, plan: Plan, command: Sequence[str]) -> tuple[int, str]:
        environment = {**os.environ, **self.environment}
        once = self.folder / f"once-{plan.seed}"
        if plan.fault is not None:
            once.unlink(missing_ok=True)
            place = {"port": self.port} if self.port else {"root": self.url(f"round-{plan.seed}")}
            environment["CHAOS"] = json.dumps({**plan.fault, **place, "once": str(once)})
            environment["PYTHONPATH"] = os.pathsep.join(
                filter(None, [str(FAULTS), os.environ.get("PYTHONPATH")])
            )
        run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        if plan.signal is not None:
            threading.Thread(target=send, args=(run, plan.signal)).start()
        try:
            _, errors = run.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            run.kill()
            raise RoundError(f"{plan}\nit hangs:\n{run.communicate()[1]}") from None
        self.struck += plan.fault is None or once.exists()
        asked_to_stop = plan.signal is not None and "KeyboardInterrupt" in errors
        if "Traceback" in errors and not asked_to_stop:  # before we are there Python itself stops
            raise RoundError(f"{plan}\na crash:\n{errors}")
        return run.returncode, errors


def allowed_to_fail_at_once(plan: Plan) -> bool:
    """A folder that cannot be written when a run begins is bad usage."""
    return bool(plan.fault and plan.fault["role"] == "parent" and plan.fault["action"] == "fail")


def target(number: int) -> str:
    """Most rows are pictures, some are not."""
    match number % 8:
        case 3:
            return f"/status/404?n={number}"
        case 6:
            return f"/html?n={number}"
        case _:
            return f"/image/{number}.jpg"


def send(run: subprocess.Popen[str], sent: Signal) -> None:
    time.sleep(sent.after)
    for _ in range(sent.times):
        pids = [run.pid] if sent.role == "parent" else children(run.pid)[:1]
        for pid in pids:
            if run.poll() is None:
                try:
                    os.kill(pid, sent.number)
                except ProcessLookupError:
                    return
        time.sleep(0.05)
