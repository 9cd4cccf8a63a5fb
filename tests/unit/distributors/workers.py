"""Workers for the tests of distributors: they store nothing, and misbehave on request."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from img2dataset.distributors import Failed, Link, Ready, Stop, Stored, Take, Want
from img2dataset.records import Shard
from img2dataset.tally import ShardResult, Tally


def serve(job: dict[str, Any], link: Link) -> None:
    """Do what `job` says to a shard: {"die": [ids], "die_once": [ids], "fail": [ids], ...}.

    "careless": those die that are not to be done carefully.
    """
    commands: queue.SimpleQueue[Any] = queue.SimpleQueue()
    link.send(Ready())
    link.listen(commands.put)
    waiting: list[Take] = []
    while True:
        link.send(Want())
        match commands.get():
            case Take() as take:
                waiting.append(take)
            case Stop():
                return
        # like the real one, have two shards open when there are two
        if len(waiting) == job.get("open", 1) or misbehaves(job, waiting[-1].shard):
            for take in waiting:
                do(job, take, link.send)
            waiting.clear()


def misbehaves(job: dict[str, Any], shard: Shard) -> bool:
    return any(shard.id in ids for ids in job.values() if isinstance(ids, list))


def do(job: dict[str, Any], take: Take, send: Callable[[Any], None]) -> None:
    shard, folder = take.shard, Path(job["folder"])
    with (folder / "tries.txt").open("a") as file:
        file.write(f"{shard.id}\n")
    if take.isolated:
        with (folder / "careful.txt").open("a") as file:
            file.write(f"{shard.id}\n")
    if shard.id in job.get("careless", []) and not take.isolated:
        os.kill(os.getpid(), signal.SIGKILL)
    mark = folder / f"died-{shard.id}"
    if shard.id in job.get("die_once", []) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if shard.id in job.get("die", []):
        os.kill(os.getpid(), signal.SIGKILL)
    if shard.id in job.get("hopeless", []):
        send(Failed(shard.id, "MismatchError: no", final=True))
        return
    if shard.id in job.get("fail", []):
        send(Failed(shard.id, "OSError: no"))
        return
    send(Stored(ShardResult(shard.id, f"{shard.id:05d}", Tally(), 0.0, 1.0)))


def serve_nothing(job: Any, link: Link) -> None:
    """Die before being ready."""
    raise SystemExit(9)
