"""Workers for the tests of distributors: they store nothing, and misbehave on request."""

from __future__ import annotations

import ctypes
import os
import queue
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from img2dataset.distributors import (
    LifeSign,
    Link,
    SamplesSent,
    ShardFailed,
    ShardStored,
    ShardWanted,
    Stop,
    TakeShard,
    WorkerReady,
)
from img2dataset.records import Shard
from img2dataset.tally import ShardResult, Tally


def serve(job: dict[str, Any], link: Link) -> None:
    """Do what `job` says to a shard: {"die": [ids], "die_once": [ids], "fail": [ids], ...}.

    "fragile": those die that are not isolated.  "freeze": a thread keeps the GIL for ever, unless the
    shard is isolated.  "stop": the process is stopped, as by a batch system.
    """
    commands: queue.SimpleQueue[Any] = queue.SimpleQueue()
    link.send(WorkerReady())
    if "patience" in job:
        link.send(LifeSign(job["patience"]))
    link.listen(commands.put)
    waiting: list[TakeShard] = []
    while True:
        link.send(ShardWanted())
        match commands.get():
            case TakeShard() as take:
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


def do(job: dict[str, Any], take: TakeShard, send: Callable[[Any], None]) -> None:
    shard, folder = take.shard, Path(job["folder"])
    with (folder / "tries.txt").open("a") as file:
        file.write(f"{shard.id}\n")
    if take.isolated:
        with (folder / "isolated.txt").open("a") as file:
            file.write(f"{shard.id}\n")
    if shard.id in job.get("fragile", []) and not take.isolated:
        os.kill(os.getpid(), signal.SIGKILL)
    mark = folder / f"died-{shard.id}"
    if shard.id in job.get("die_once", []) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if shard.id in job.get("freeze", []) and not take.isolated:
        ctypes.PyDLL(None).sleep(10_000)
    if shard.id in job.get("stop", []):
        os.kill(os.getpid(), signal.SIGSTOP)
    if shard.id in job.get("send", []):
        send(SamplesSent([]))
    if shard.id in job.get("die", []):
        os.kill(os.getpid(), signal.SIGKILL)
    if shard.id in job.get("hopeless", []):
        send(ShardFailed(shard.id, "MismatchError: no", final=True))
        return
    if shard.id in job.get("fail", []):
        send(ShardFailed(shard.id, "OSError: no"))
        return
    send(ShardStored(ShardResult(shard.id, f"{shard.id:05d}", Tally(), 0.0, 1.0)))


def serve_nothing(job: Any, link: Link) -> None:
    """Die before being ready."""
    raise SystemExit(9)
