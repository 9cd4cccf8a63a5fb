"""Bodies wait when there is no space for them, and none waits for ever."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.budget import RESERVE_STEP_BYTES, Budget
from img2dataset.fetch.http.response import PAUSE, Response

LIMIT = 10 * RESERVE_STEP_BYTES
"""Largest body."""


@dataclass(frozen=True)
class Answer:
    """A body that a server sends."""

    size: int
    says_length: bool
    is_packed: bool
    pieces: int
    """How many it comes in."""

    @property
    def sent(self) -> bytes:
        return body_of(self.size, is_packed=self.is_packed)

    @property
    def lines(self) -> list[bytes]:
        lines = [b"HTTP/1.1 200 OK"]
        if self.says_length:
            lines.append(b"Content-Length: %d" % len(self.sent))
        if self.is_packed:
            lines.append(b"Content-Encoding: deflate")
        return [*lines, b""]


@cache
def body_of(size: int, *, is_packed: bool) -> bytes:
    body = b"\xff\xd8\xff\xe0" + bytes(max(0, size - 4))
    return zlib.compress(body, 1) if is_packed else body


@dataclass(eq=False)
class Transfer:
    """What libcurl does with a Response: it holds back what could not be taken."""

    answer: Answer
    response: Response
    left: bytes
    begun: bool = False

    def resume(self) -> bool:
        """Hand over the next piece; returns whether it is over."""
        if not self.begun:
            self.begun = True
            for line in self.answer.lines:
                self.response.header(line + b"\r\n")
            return False
        piece = self.left[: len(self.answer.sent) // self.answer.pieces + 1]
        verdict = self.response.chunk(piece)
        if verdict == PAUSE:
            return False
        self.left = self.left[len(piece) :]
        return verdict is not None or not self.left

    def end(self) -> None:
        body = self.response.release()
        assert self.response.verdict or body == body_of(self.answer.size, is_packed=False)


def transfer(answer: Answer, budget: Budget) -> Transfer:
    response = Response(LIMIT, None, budget)
    made = Transfer(answer, response, answer.sent)
    response.owner = made
    return made


def let_go_on(budget: Budget, running: list[Transfer]) -> None:
    """As curl.Transfers does."""
    for _ in range(len(budget.waiting)):
        if not budget.waiting or not budget.has_space:
            return
        one = budget.waiting[0].owner
        one.response.resume()
        if one.resume():
            one.end()
            running.remove(one)


ANSWERS = st.lists(
    st.builds(
        Answer,
        size=st.sampled_from(
            [1, 1000, RESERVE_STEP_BYTES, 3 * RESERVE_STEP_BYTES, LIMIT, LIMIT + 10]
        ),
        says_length=st.booleans(),
        is_packed=st.booleans(),
        pieces=st.sampled_from([1, 3, 12]),
    ),
    min_size=1,
    max_size=30,
)


@pytest.mark.slow
@given(
    ANSWERS,
    st.lists(
        st.sampled_from(
            [-LIMIT, 0, 1, RESERVE_STEP_BYTES, 5 * RESERVE_STEP_BYTES, 20 * RESERVE_STEP_BYTES]
        ),
        min_size=1,
        max_size=3,
    ),
    st.integers().map(random.Random),
)
def test_every_body_ends_and_one_at_most_goes_beyond_the_ceiling(
    answers: list[Answer], frees: list[int], chance: random.Random
) -> None:
    free = max(frees)
    budget = Budget(lambda: free)
    running = [transfer(answer, budget) for answer in answers]
    reading = list(running)
    steps = 0
    while reading:
        steps += 1
        free = frees[steps // 50 % len(frees)]
        before = budget.reserved
        able = [one for one in reading if not one.response.paused]
        if able:
            one = chance.choice(able)
            if one.resume():
                one.end()
                reading.remove(one)
        else:
            let_go_on(budget, reading)
            assert any(not one.response.paused for one in reading) or not reading, "a deadlock"
        if chance.random() < 0.3:
            let_go_on(budget, reading)
        assert budget.reserved <= max(before, max(0, *frees) + LIMIT + RESERVE_STEP_BYTES + 1)
        assert steps < 100_000
    assert budget.reserved == 0
    assert not budget.waiting


def test_what_fits_is_reserved_and_one_may_go_beyond() -> None:
    budget = Budget(lambda: 100)
    assert [budget.take("a", 60), budget.take("b", 40)] == [True, True]
    assert budget.take("c", 1)
    assert not budget.take("a", 1)
    budget.leave("b")
    assert not budget.has_space
    assert budget.take("c", 1000), "it goes on until it ends"
    assert budget.reserved == 1101

    budget.reserved -= 1001
    budget.leave("c")
    assert budget.has_space
    assert budget.take("a", 1)
    assert not budget.take("b", 1)


def test_where_nothing_is_free_there_is_one_body_at_a_time() -> None:
    budget = Budget(lambda: -1)
    assert budget.take("a", 60)
    assert not budget.take("b", 60)


def test_who_goes_beyond_does_not_keep_those_waiting_for_whom_there_is_space() -> None:
    free = 0
    budget = Budget(lambda: free)
    assert budget.take("a", 10)
    assert not budget.has_space
    free = 10 + RESERVE_STEP_BYTES
    assert budget.has_space
    assert budget.take("b", RESERVE_STEP_BYTES)
    assert not budget.take("c", 1)
