"""Seed -> what a round does: which run, and how it is hurt."""

from __future__ import annotations

import errno
import random
import signal
from dataclasses import dataclass
from typing import Any

from img2dataset.formats import NAMES

SHARD = 4

ERRORS = (errno.ENOSPC, errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EACCES, errno.ENOENT)
FOR_EVER = 1_000_000
INDEXED = "--indexes=all"


@dataclass(frozen=True)
class Signal:
    """Sent to a process of the run after some seconds, perhaps several times."""

    role: str
    number: signal.Signals
    after: float
    times: int = 1


@dataclass(frozen=True)
class Plan:
    """One round."""

    seed: int
    output_format: str
    options: tuple[str, ...]
    fault: dict[str, Any] | None
    """For faults/sitecustomize.py; without what only the round knows."""
    signal: Signal | None
    flaky: float = 0.0
    """Share of the requests to a store that go wrong."""

    @property
    def kept_options(self) -> tuple[str, ...]:
        """Those of the options that say what is stored."""
        return tuple(option for option in self.options if option == INDEXED)

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.output_format} {self.options} {self.fault or self.signal} {self.flaky}"


def plan_of(seed: int, *, remote: bool = False) -> Plan:
    dice = random.Random(seed)
    formats = list(NAMES)
    output_format = formats[seed % len(formats)]
    options: tuple[str, ...] = (
        f"--max_storage_wait={dice.choice([0, 0.3, 5])}",
        f"--processes_count={dice.choice([1, 1, 1, 2])}",
    )
    fault: dict[str, Any] | None = None
    sent: Signal | None = None
    match dice.choices(
        ["kill worker", "kill parent", "fail", "later", "stop"],
        [35, 15, 0 if remote else 25, 15, 10],
    )[0]:
        case "kill worker":
            fault = kill(dice, "worker", 60 if not remote else 22)
        case "kill parent":
            fault = kill(dice, "parent", 14 if not remote else 30)
        case "fail":
            fault = {
                "role": dice.choices(["worker", "parent"], [9, 1])[0],
                "action": "fail",
                "at": dice.randrange(1, 40),
                "errno": dice.choice(ERRORS),
                "times": dice.choice([1, 1, 2, 3, FOR_EVER]),
            }
        case "later":
            role = dice.choice(["worker", "parent"])
            sent = Signal(role, signal.SIGKILL, dice.uniform(0.05, 2.0 if remote else 0.8))
        case _:
            number = dice.choice([signal.SIGINT, signal.SIGTERM])
            after = dice.uniform(0.3, 2.0 if remote else 0.8)
            sent = Signal("parent", number, after, dice.choice([1, 1, 2]))
    if output_format == "webdataset" and seed % 2:
        options += (INDEXED,)
    flaky = dice.choice([0.0, 0.0, 0.05, 0.1]) if remote else 0.0
    return Plan(seed, output_format, options, fault, sent, flaky)


def kill(dice: random.Random, role: str, most: int) -> dict[str, Any]:
    return {
        "role": role,
        "action": "kill",
        "at": dice.randrange(1, most),
        "after": dice.random() < 0.5,
    }
