"""It sleeps until there is something to do, and misses nothing; no test here sleeps."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from img2dataset.fetch import loop as module
from img2dataset.fetch.loop import READ, WRITE, AnyPoll, Loop, Poll, new_poll

POLLS: list[Callable[[], Poll]] = [AnyPoll, new_poll]


@pytest.fixture(params=POLLS, ids=["any", "best"])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr(module, "new_poll", request.param)
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    yield one, other
    one.close()
    other.close()


Pair = tuple[socket.socket, socket.socket]


class DnsReply:
    """A handler that notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, file: int, mask: int) -> None:
        self.calls.append((file, mask))


def test_on_linux_the_quick_one_is_used() -> None:
    poll = new_poll()
    assert isinstance(poll, AnyPoll) is (sys.platform != "linux")
    poll.close()


def test_a_socket_that_is_ready_is_told(loop: Loop, pair: Pair) -> None:
    heard = DnsReply()
    file = pair[0].fileno()
    loop.watch(file, READ, heard)
    loop.wait(0)
    assert heard.calls == []
    pair[1].send(b"x")
    loop.wait(None)
    assert heard.calls == [(file, READ)]
    loop.wait(None)
    assert len(heard.calls) == 2, "until it has been read"


def test_what_is_waited_for_can_be_changed(loop: Loop, pair: Pair) -> None:
    heard = DnsReply()
    file = pair[0].fileno()
    pair[1].send(b"x")
    for mask in (READ, WRITE, READ | WRITE, READ):
        loop.watch(file, mask, heard)
        loop.wait(None)
        assert heard.calls.pop() == (file, mask)


def test_the_latest_handler_is_told(loop: Loop, pair: Pair) -> None:
    first, second = DnsReply(), DnsReply()
    pair[1].send(b"x")
    loop.watch(pair[0].fileno(), READ, first)
    loop.watch(pair[0].fileno(), READ, second)
    loop.wait(None)
    assert (len(first.calls), len(second.calls)) == (0, 1)


def test_who_waits_no_longer_is_not_told_and_wakes_nobody(loop: Loop, pair: Pair) -> None:
    heard = DnsReply()
    file = pair[0].fileno()
    loop.watch(file, READ, heard)
    pair[1].send(b"x")
    loop.watch(file, 0, heard)
    loop.watch(file, 0, heard)
    loop.wait(0)
    assert heard.calls == []
    assert loop._poll.wait(0) == [], "or it would spin"

    loop.watch(file, READ, heard)
    loop.wait(None)
    assert heard.calls == [(file, READ)]


def test_one_handler_may_take_away_what_another_waits_for(loop: Loop) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    told: list[int] = []

    def hear(file: int, _mask: int) -> None:
        told.append(file)
        for one, _ in pairs:
            loop.watch(one.fileno(), 0, hear)

    for one, other in pairs:
        loop.watch(one.fileno(), READ, hear)
        other.send(b"x")
    loop.wait(None)
    assert len(told) == 1
    for one, other in pairs:
        one.close()
        other.close()


def test_a_lost_peer_is_told_as_something_to_read(loop: Loop, pair: Pair) -> None:
    heard = DnsReply()
    loop.watch(pair[0].fileno(), READ, heard)
    pair[1].close()
    loop.wait(None)
    assert heard.calls[0][1] & ~WRITE


def test_a_number_that_comes_again_is_a_new_socket(loop: Loop) -> None:
    heard = DnsReply()
    for _ in range(3):
        one, other = socket.socketpair()
        loop.watch(one.fileno(), READ, heard)
        other.send(b"x")
        loop.wait(None)
        assert heard.calls.pop() == (one.fileno(), READ)
        loop.watch(one.fileno(), 0, heard)
        one.close()
        other.close()


def test_a_socket_that_was_closed_unsaid_is_no_trouble(loop: Loop) -> None:
    heard = DnsReply()
    one, other = socket.socketpair()
    file = one.fileno()
    loop.watch(file, READ, heard)
    one.close()
    other.close()
    loop.watch(file, 0, heard)
    again, peer = socket.socketpair()
    loop.watch(again.fileno(), READ, heard)
    peer.send(b"x")
    loop.wait(None)
    assert heard.calls[-1] == (again.fileno(), READ)
    again.close()
    peer.close()


def test_a_poke_ends_a_wait_that_would_be_for_ever(loop: Loop) -> None:
    for _ in range(3):
        poker = threading.Thread(target=loop.ring)
        poker.start()
        loop.wait(None)
        poker.join()


def test_a_poke_before_the_wait_is_not_lost_and_many_are_one(loop: Loop) -> None:
    for _ in range(3):
        for _ in range(100_000):
            loop.ring()
        loop.wait(None)
        assert loop._poll.wait(0) == []


def test_pokes_from_many_threads_are_never_lost(loop: Loop) -> None:
    """Each thread changes something and pokes; who is woken must see it."""
    rounds = 300
    done = [0, 0]

    def work(number: int) -> None:
        for _ in range(rounds):
            done[number] += 1
            loop.ring()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    while sum(done) < 2 * rounds:
        loop.wait(None)
    for thread in threads:
        thread.join()


def test_nobody_minds_a_poke_after_the_end() -> None:
    made = Loop()
    made.close()
    made.ring()
