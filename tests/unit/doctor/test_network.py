"""Names -> how many of them the resolver answers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from img2dataset.doctor import network
from img2dataset.doctor.network import NAMES_AT_ONCE, ask_names
from img2dataset.fetch.dns.name_cache import NO_SUCH_HOST, NOT_RESOLVED, Answer
from img2dataset.fetch.loop import AnyPoll

ANSWERS = {"known": Answer(("127.0.0.2",)), "gone": NO_SUCH_HOST, "lost": NOT_RESOLVED}


class FakeResolver:
    """Answers by the beginning of a name, one at each tick; names that begin with "cached" at once."""

    def __init__(self) -> None:
        self._asked: list[str] = []
        self._done: list[tuple[str, Answer]] = []
        self.most = 0

    @property
    def in_flight(self) -> int:
        return len(self._asked)

    def ask(self, name: str) -> Answer | None:
        if name.startswith("cached"):
            return ANSWERS["known"]
        self._asked.append(name)
        self.most = max(self.most, len(self._asked))
        return None

    def next_timeout(self) -> float:
        return 0.0

    def tick(self) -> None:
        if self._asked and not self._asked[0].startswith("silent"):
            name = self._asked.pop(0)
            self._done.append((name, ANSWERS[name.partition("-")[0]]))

    def answers(self) -> list[tuple[str, Answer]]:
        done, self._done = self._done, []
        return done


def test_that_there_is_no_such_host_is_an_answer_and_a_failure_is_none() -> None:
    names = [
        f"{kind}-{n}"
        for kind, count in (("known", 70), ("gone", 20), ("lost", 10))
        for n in range(count)
    ]
    resolver: Any = FakeResolver()

    assert ask_names(resolver, AnyPoll(), [*names, "cached-1", "cached-2"]) == 92
    assert resolver.most == NAMES_AT_ONCE


def test_it_ends_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MAX_DNS_S", 0.02)

    assert (
        ask_names(cast("Any", FakeResolver()), AnyPoll(), ["known-1", "silent-1", "known-2"]) == 1
    )
