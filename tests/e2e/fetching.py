"""URLs -> what an engine made of them: the ground that all tests of the fetch engine stand on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

from img2dataset.errors import Reason
from img2dataset.fetch import DEFAULT_DIRECTIVES, Engine, FetchConfig, Politeness, user_agent
from img2dataset.fetch.politeness import POLITE
from img2dataset.records import Body, Failure, Row
from tests.site.names import NO_SUCH_NAME, Name, NameServer

TIMEOUT = 0.8
"""Seconds.  A busy machine may take one to answer anything: a test with many requests and none that
is to time out says `timeout=UNHURRIED`."""
UNHURRIED = 10.0
PATIENCE = 60.0
"""Seconds after which a test has failed; nothing here takes as long, on a busy machine either."""

LOOK_EVERY = 0.05

CONFIG = FetchConfig(
    thread_count=128,
    timeout=TIMEOUT,
    retries=0,
    max_image_bytes=1_000_000,
    user_agent=user_agent("mybot", None),
    user_agent_token="mybot",
    disallowed_header_directives=DEFAULT_DIRECTIVES,
    ignore_ssl_certificate=False,
    first_connections_per_host=128,  # so that everything that takes its time does so at the same time
)

Outcome = Body | Failure


@dataclass
class Room:
    """What the stages after the engine can take."""

    full: bool = False
    free_bytes: int = 1_000_000_000


class Collected:
    """What an engine delivered, by row; `until` waits for it."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[int, Outcome]] = []
        self.said: list[str] = []
        """Lines for the user."""
        self.engine: Engine | None = None
        self._changed = threading.Condition()

    def deliver(self, row: Row, outcome: Outcome) -> None:
        with self._changed:
            self.outcomes.append((row.index, outcome))
            self._changed.notify_all()

    def say(self, line: str) -> None:
        with self._changed:
            self.said.append(line)
            self._changed.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds, be it of what came or of the engine, which tells nobody."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not condition():
                assert time.monotonic() < deadline, self.engine
                self._changed.wait(LOOK_EVERY)

    def until_count(self, count: int) -> None:
        self.until(lambda: len(self.outcomes) >= count)

    @property
    def in_order(self) -> list[Outcome]:
        return [outcome for _, outcome in sorted(self.outcomes, key=lambda pair: pair[0])]

    @property
    def reasons(self) -> list[Reason | None]:
        """In the order of the rows."""
        return [reason_of(outcome) for outcome in self.in_order]


@contextmanager
def running(
    config: FetchConfig = CONFIG, room: Room | None = None, politeness: Politeness = POLITE
) -> Iterator[tuple[Engine, Collected]]:
    fetched = Collected()
    engine = fetched.engine = Engine(
        config, fetched.deliver, room or Room(), say=fetched.say, politeness=politeness
    )
    engine.start()
    try:
        yield engine, fetched
    finally:
        engine.stop()


def rows(*urls: str | None, start: int = 0) -> list[Row]:
    return [Row(0, index, f"{index:05d}", url, {}) for index, url in enumerate(urls, start)]


def different(url: str, count: int) -> list[str]:
    """`count` URLs of the same page: equal ones would be fetched once."""
    joint = "&" if "?" in url else "?"
    return [f"{url}{joint}copy={number}" for number in range(count)]


def fetch(
    *urls: str | None,
    config: FetchConfig = CONFIG,
    politeness: Politeness = POLITE,
    **changes: Any,
) -> list[Outcome]:
    """The outcomes of `urls`, in their order; each came exactly once.

    `changes` = fields of the config that are to be different.
    """
    with running(replace(config, **changes), politeness=politeness) as (engine, fetched):
        engine.submit(rows(*urls))
        fetched.until_count(len(urls))
        assert engine.in_flight == engine.waiting == engine.reserved_bytes == 0
        assert engine.counts == {}
    assert sorted(index for index, _ in fetched.outcomes) == list(range(len(urls)))
    return fetched.in_order


def reason_of(outcome: Outcome) -> Reason | None:
    """None = it arrived."""
    return outcome.reason if isinstance(outcome, Failure) else None


def reasons(*urls: str | None, **how: Any) -> list[Reason | None]:
    """As `fetch`, but why there is no image; None = there is one."""
    return [reason_of(outcome) for outcome in fetch(*urls, **how)]


# -- names and ports


@contextmanager
def names(
    everyone: Name = NO_SUCH_NAME,
    /,
    *,
    latency: float = 0.0,
    fail: float = 0.0,
    **known: Name | str,
) -> Iterator[tuple[NameServer, FetchConfig]]:
    """A name server, and a config by which any address it gives may be asked.

    `known`: a = what is said of a.test; a text is its address.  `everyone` = of all other names.
    """
    table = {
        f"{name}.test": Name((what,)) if isinstance(what, str) else what
        for name, what in known.items()
    }
    with NameServer(table, other=everyone, latency=latency, fail=fail) as server:
        yield (
            server,
            replace(CONFIG, dns_servers=(server.address,), private_addresses="allow"),
        )


@dataclass
class ClosedPort:
    """A port of 127.0.0.1, and of other addresses of this machine, where nobody listens."""

    number: int = 0
    _socket: socket.socket = field(default_factory=socket.socket)

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))  # and no listen(): it is ours, and it is closed
        self.number = self._socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def free(self) -> None:
        """Let somebody else have it."""
        self._socket.close()
