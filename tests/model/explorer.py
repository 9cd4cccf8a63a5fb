"""Walks through every interleaving of a few threads that share an object store.

The threads run the real code.  Each request to the store is a step: the thread stops before it,
and goes on when the explorer lets it.  Between two steps something may happen to a thread: it is
killed, or time passes so that its lease is over.  A depth-first search replays the threads from
the beginning along every sequence of choices; a state that was seen before is not walked again.

The method is that of stateless model checkers with state caching (P. Godefroid, "Model Checking
for Programming Languages using VeriSoft", POPL 1997).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

STEP_TIMEOUT_S = 20.0
"""A thread that does not reach its next step in this time has a deadlock of its own."""


Choice = tuple[str, int | None]
"""What may happen, and to which of the actors if to one."""


class Killed(BaseException):
    """The process of this thread is no more: nothing that it does afterwards has an effect."""


class Gate:
    """Lets one thread through for each `open`; faster than a semaphore of Python's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        self._lock.release()

    def wait(self) -> bool:
        """Wait to be let through; False if that takes too long."""
        return self._lock.acquire(timeout=STEP_TIMEOUT_S)


@dataclass(eq=False)
class Actor:
    """One thread under the explorer's control."""

    name: str
    body: Callable[[], Hashable]
    ended: bool = False
    killed: bool = False
    waiting: bool = False
    """True while it waits for something to change."""
    seen_version: int = -1
    seen_clock: float = -1.0
    history: list[Hashable] = field(default_factory=list)
    """What it has asked for and been answered: all that its state can depend on, but for the
    times of which `Execution.wait` is told."""
    result: Hashable = None
    error: BaseException | None = None
    steps_ahead: int = 0
    """Steps that it may take without a stop."""
    go: Gate = field(default_factory=Gate)
    arrived: Gate = field(default_factory=Gate)
    thread: threading.Thread | None = None


class Execution:
    """The threads and their store, from the beginning to the end of one interleaving."""

    def __init__(self, lapse_s: float, events: int) -> None:
        self.actors: list[Actor] = []
        self.objects: dict[str, bytes] = {}
        self.version = 0
        """Counts the changes of the store."""
        self.clock = 1000.0
        self.lapse_s = lapse_s
        self.events_left = events
        """Crashes or lost leases that may still happen."""
        self.lapsed = False
        """True once a lease was over whose holder may be alive."""
        self.trace: list[str] = []
        self._by_thread: dict[int, Actor] = {}

    # -- called in the threads

    def me(self) -> Actor | None:
        return self._by_thread.get(threading.get_ident())

    def step(self, what: str) -> None:
        """Stop until the explorer lets this thread go on."""
        actor = self.me()
        if actor is None:  # the explorer itself looks at the store
            return
        if actor.killed:
            raise Killed
        actor.history.append(what)
        self._park(actor)
        self.trace.append(f"{actor.name}: {what}")

    def answer(self, value: Hashable) -> None:
        """Note what a step was answered."""
        actor = self.me()
        if actor is not None:
            actor.history.append(value)

    def wait(self, *memory: Hashable) -> None:
        """Stop until something has changed; `memory` is all that the thread keeps in mind, with
        times relative to the clock."""
        actor = self.me()
        assert actor is not None
        if actor.killed:
            raise Killed
        self.remember("waits", *memory)
        actor.waiting, actor.seen_version, actor.seen_clock = True, self.version, self.clock
        self._park(actor)
        actor.waiting = False

    def remember(self, *memory: Hashable) -> None:
        """From here on the thread's state depends on `memory` alone, not on what came before."""
        actor = self.me()
        if actor is not None:
            actor.history[:] = memory

    def _park(self, actor: Actor) -> None:
        if actor.steps_ahead:
            actor.steps_ahead -= 1
            return
        actor.arrived.open()
        actor.go.wait()
        if actor.killed:
            raise Killed

    # -- called by the explorer

    def start(self) -> None:
        for actor in self.actors:
            actor.thread = threading.Thread(target=self._run, args=(actor,), daemon=True)
            actor.thread.start()
            self._expect(actor)

    def _run(self, actor: Actor) -> None:
        self._by_thread[threading.get_ident()] = actor
        try:
            actor.result = actor.body()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001  (the explorer looks at it)
            actor.error = error
        finally:
            actor.ended = True
            actor.arrived.open()

    def _expect(self, actor: Actor) -> None:
        assert actor.arrived.wait(), f"{actor.name} is stuck"

    def choices(self) -> list[Choice]:
        """What may happen next."""
        live = [number for number, actor in enumerate(self.actors) if not actor.ended]
        ready = [number for number in live if not self._is_blocked(self.actors[number])]
        found: list[Choice] = [("run", number) for number in ready]
        if live and self.events_left:
            # the actors do the same: to kill the first one is as good as to kill any of them
            found += [("kill", 0)] if 0 in live else []
            found.append(("lapse", None))
        elif live and not ready:  # all wait for one that is dead, whose lease ends
            found.append(("expire", None))
        return found

    def _is_blocked(self, actor: Actor) -> bool:
        unchanged = actor.seen_version == self.version and actor.seen_clock == self.clock
        return actor.waiting and unchanged

    def replay(self, choices: Sequence[Choice]) -> None:
        """Do what was done before: nobody looks at the states in between, so that a thread takes
        its steps up to the next choice of another without a stop."""
        for choice, same in groupby(choices):
            self.do(choice, len(list(same)))

    def do(self, choice: Choice, times: int = 1) -> None:
        """`times`: only to run may be done more than once."""
        what, number = choice
        actor = None if number is None else self.actors[number]
        if what == "run":
            assert actor is not None
            actor.steps_ahead = times - 1
            actor.go.open()
            self._expect(actor)
            return
        assert times == 1
        self.trace.append(f"-- {what} {actor.name if actor else ''}")
        self.events_left = max(0, self.events_left - 1)
        if actor is not None:
            self.kill(actor)
            return
        self.clock += self.lapse_s
        self.lapsed = self.lapsed or what == "lapse"

    def kill(self, actor: Actor) -> None:
        if not actor.ended:
            actor.killed = True
            actor.go.open()
            self._expect(actor)

    def end(self) -> None:
        for actor in self.actors:
            self.kill(actor)
            assert actor.thread is not None
            actor.thread.join()

    def key(self) -> Hashable:
        """The whole state."""
        actors = tuple(
            (
                a.ended,
                a.killed,
                *self._wait_of(a),
                *([a.result, repr(a.error)] if a.ended else a.history),
            )
            for a in self.actors
        )
        return (actors, tuple(sorted(self.objects.items())), self.events_left)

    def _wait_of(self, actor: Actor) -> tuple[Hashable, ...]:
        if actor.ended or not actor.waiting:
            return ()
        return (self._is_blocked(actor), self.clock - actor.seen_clock)


class Store:
    """An fsspec file system as far as `storage` uses one; every request is a step.

    It is one actor's connection to the objects of an execution.  Not `conditional`: it makes an
    object that must not exist by looking first, in a step of its own.
    """

    protocol = "s3"
    storage_args: tuple[Any, ...] = ()

    def __init__(
        self,
        execution: Execution,
        *,
        conditional: bool,
        never_written: Callable[[str], bool] = lambda _: False,
        skip_instance_cache: bool = True,
    ) -> None:
        """To ask for what is `never_written` is no step: the answer is always the same."""
        del skip_instance_cache  # fsspec's
        self.storage_options = {
            "execution": execution,
            "conditional": conditional,
            "never_written": never_written,
        }
        self._execution = execution
        self._conditional = conditional
        self._never_written = never_written

    @property
    def _objects(self) -> dict[str, bytes]:
        return self._execution.objects

    def _set(self, path: str, data: bytes | None) -> None:
        if data is None:
            del self._objects[path]
        else:
            self._objects[path] = data
        self._execution.version += 1

    def invalidate_cache(self) -> None: ...

    def makedirs(self, path: str, *, exist_ok: bool = False) -> None: ...

    def info(self, path: str) -> dict[str, Any]:
        self._execution.step(f"info {path}")
        inside = any(name.startswith(f"{path}/") for name in self._objects)
        self._execution.answer(inside or path in self._objects)
        if path not in self._objects and not inside:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(self._objects.get(path, b""))}

    def exists(self, path: str) -> bool:
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def ls(self, path: str, *, detail: bool = True) -> list[Any]:
        self._execution.step(f"ls {path}")
        start = f"{path.rstrip('/')}/"
        names = {
            name[len(start) :].partition("/")[0] for name in self._objects if name.startswith(start)
        }
        found = sorted(start + name for name in names)
        self._execution.answer(tuple(found))
        if not found:
            raise FileNotFoundError(path)
        return [{"name": name, "size": 0, "type": "file"} for name in found] if detail else found

    def cat_file(self, path: str) -> bytes:
        if self._never_written(path):
            raise FileNotFoundError(path)
        self._execution.step(f"cat {path}")
        data = self._objects.get(path)
        self._execution.answer(data)
        if data is None:
            raise FileNotFoundError(path)
        return data

    def pipe_file(self, path: str, data: bytes, mode: str = "overwrite") -> None:
        if mode == "create" and not self._conditional:
            self._execution.step(f"look {path}")
            self._execution.answer(path in self._objects)
            if path in self._objects:
                raise FileExistsError(path)
        self._execution.step(f"{mode} {path}")
        there = path in self._objects
        self._execution.answer(there)
        if mode == "create" and self._conditional and there:
            raise FileExistsError(path)
        self._set(path, bytes(data))

    def pipe(self, contents: dict[str, bytes], mode: str = "overwrite") -> None:
        for path, data in contents.items():
            self.pipe_file(path, data, mode)

    def open(self, path: str, mode: str) -> Upload:
        return Upload(self, path, {"wb": "overwrite", "xb": "create"}[mode])

    def rm_file(self, path: str) -> None:
        self._execution.step(f"rm {path}")
        there = path in self._objects
        self._execution.answer(there)
        if not there:
            raise FileNotFoundError(path)
        self._set(path, None)

    def rm(self, path: str, *, recursive: bool = False) -> None:
        assert recursive
        if self._never_written(path):
            raise FileNotFoundError(path)
        self._execution.step(f"rm -r {path}")
        found = [n for n in self._objects if n == path or n.startswith(f"{path}/")]
        self._execution.answer(tuple(found))
        if not found:
            raise FileNotFoundError(path)
        for name in found:
            self._set(name, None)


class Upload:
    """An object that appears when it is closed."""

    def __init__(self, store: Store, path: str, mode: str) -> None:
        self.closed = False
        self._data = b""
        self._store = store
        self._path = path
        self._mode = mode

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._store.pipe_file(self._path, self._data, self._mode)


@dataclass
class Found:
    """What a walk came across."""

    states: int = 0
    executions: int = 0
    endings: int = 0
    problem: str = ""
    """The first one, with the steps that led to it."""


def explore(
    begin: Callable[[], Execution],
    check_state: Callable[[Execution], str | None],
    check_ending: Callable[[Execution], str | None],
) -> Found:
    """Walk through all that can happen, up to the first problem.

    `check_state` says what is wrong with a state, if anything, and `check_ending` with the last one
    of an execution.
    """
    found = Found()
    seen: set[Hashable] = set()
    ahead: list[list[Choice]] = [[]]
    while ahead and not found.problem:
        prefix = ahead.pop()
        execution = begin()
        execution.start()
        found.executions += 1
        try:
            problem = walk(execution, prefix, seen, ahead, check_state)
            if not problem and not execution.choices():
                found.endings += 1
                problem = check_ending(execution)
            if problem:
                found.problem = "\n".join([problem, *execution.trace])
        finally:
            execution.end()
    found.states = len(seen)
    return found


def walk(
    execution: Execution,
    prefix: list[Choice],
    seen: set[Hashable],
    ahead: list[list[Choice]],
    check_state: Callable[[Execution], str | None],
) -> str | None:
    """Walk along one interleaving: `prefix`, then always the first choice, to its end or to a state
    that was seen before; return what is wrong with a state on the way.

    The branches left out go to `ahead`.
    """
    execution.replay(prefix)
    taken = list(prefix)
    while choices := execution.choices():
        key = execution.key()
        if key in seen:
            return None
        seen.add(key)
        problem = check_state(execution)
        if problem:
            return problem
        ahead.extend([*taken, other] for other in choices[1:])
        execution.do(choices[0])
        taken.append(choices[0])
    return None
