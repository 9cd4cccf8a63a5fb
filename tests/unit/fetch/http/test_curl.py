"""Requests go out and answers come back, or they end in time; against a site on 127.0.0.1."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from img2dataset.errors import Reason
from img2dataset.fetch.budget import Budget
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.http.curl import Transfers
from img2dataset.fetch.http.request import Finished, Moved, Request
from img2dataset.fetch.loop import Loop
from img2dataset.fetch.politeness import POLITE, Politeness
from img2dataset.records import Body, Failure
from tests.site import Site
from tests.unit.fetch.plain import PLAIN

CONFIG = replace(PLAIN, thread_count=8, timeout=3.0, max_image_bytes=2_000_000)
PATIENCE = 10.0
NOBODY = "nobody.invalid"
"""A name that no resolver knows."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


class Driver:
    """What the engine does with Transfers."""

    def __init__(
        self,
        config: FetchConfig = CONFIG,
        *,
        may_connect: Callable[[str, str], bool] | None = None,
        politeness: Politeness = POLITE,
    ) -> None:
        self.free = 10**9
        self.budget = Budget(lambda: self.free)
        self.loop = Loop()
        self.seen: list[Finished[str]] = []
        self.transfers: Transfers[str] = Transfers(
            config,
            self.loop,
            budget=self.budget,
            kept_open=8,
            may_connect=may_connect,
            politeness=politeness,
        )

    def start(self, key: str, request: Request | str, seconds: float = PATIENCE) -> None:
        if isinstance(request, str):
            request = Request(request, seconds)
        self.transfers.start(key, request)

    def turn(self) -> None:
        next_timeout = self.transfers.next_timeout(time.monotonic())
        self.loop.wait(0.1 if next_timeout is None else min(next_timeout, 0.1))
        self.seen += self.transfers.ended()

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it does not come"
            self.turn()

    def pass_time(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def finish(self) -> dict[str, Finished[str]]:
        self.until(lambda: not len(self.transfers))
        return {ended.key: ended for ended in self.seen}

    def one(self, request: Request | str, seconds: float = PATIENCE) -> Finished[str]:
        self.start("one", request, seconds)
        return self.finish()["one"]

    def close(self) -> None:
        self.transfers.close()
        self.loop.close()


MakeDriver = Callable[..., Driver]


@pytest.fixture
def make_driver() -> Iterator[MakeDriver]:
    with ExitStack() as stack:

        def make(config: FetchConfig = CONFIG, **others: Any) -> Driver:
            driver = Driver(config, **others)
            stack.callback(driver.close)
            return driver

        yield make


@pytest.fixture
def driver(make_driver: MakeDriver) -> Driver:
    return make_driver()


def reason_of(ended: Finished[str]) -> Reason:
    assert isinstance(ended.result, Failure)
    return ended.result.reason


def size_of(ended: Finished[str]) -> int:
    assert isinstance(ended.result, Body)
    return len(ended.result.data)


# -- what becomes of a request --


def test_each_request_ends_once_with_its_own_answer(driver: Driver, site: Site) -> None:
    for number in range(20):
        driver.start(str(number), site.url(f"/image/{number}.jpg"))
    assert len(driver.transfers) == 20
    ended = driver.finish()

    assert len(driver.seen) == 20
    assert len({one.result.data for one in ended.values() if isinstance(one.result, Body)}) == 20
    assert driver.budget.reserved == 0
    assert driver.transfers.ended() == []


def test_what_is_said_of_an_answer(driver: Driver, site: Site) -> None:
    ended = driver.one(site.url("/image/1.jpg"))
    assert (ended.status, ended.retry_after) == (200, None)
    assert 0 < ended.first_byte <= ended.seconds < PATIENCE


def test_a_redirect_is_told_not_followed(driver: Driver, site: Site) -> None:
    before = len(site.requests)
    ended = driver.one(site.url("/redirect", to="/image/1.jpg"))
    assert isinstance(ended.result, Moved)
    assert b"/image/1.jpg" in ended.result.location
    assert len(site.requests) == before + 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/status/404", Reason.HTTP_STATUS),
        ("/status/503", Reason.HTTP_STATUS_TRANSIENT),
        ("/no-location", Reason.HTTP_STATUS),
        ("/reset", Reason.CONNECTION_LOST),
        ("/close", Reason.CONNECTION_LOST),
        ("/truncated", Reason.BODY_INCOMPLETE),
        ("/garbage", Reason.BAD_RESPONSE),
        ("/html", Reason.NOT_AN_IMAGE),
        ("/empty", Reason.BODY_EMPTY),
    ],
)
def test_failures_have_their_reasons(driver: Driver, site: Site, path: str, reason: Reason) -> None:
    assert reason_of(driver.one(site.url(path))) is reason
    assert driver.budget.reserved == 0


def test_a_wish_to_be_left_alone_is_passed_on(driver: Driver, site: Site) -> None:
    ended = driver.one(site.url("/retry-after", times=1, seconds=7, token="wish", status=429))
    assert ended.status == 429
    assert ended.retry_after is not None
    assert ended.retry_after.strip() == "7"


def test_a_text_for_us_is_given_as_it_is(driver: Driver, site: Site) -> None:
    assert size_of(driver.one(Request(site.url("/html"), PATIENCE, is_text=True))) > 0


def test_a_slot_is_used_again_and_nothing_sticks_to_it(driver: Driver, site: Site) -> None:
    assert reason_of(driver.one(site.url("/html"))) is Reason.NOT_AN_IMAGE
    assert size_of(driver.one(site.url("/gzip"))) > 0
    assert reason_of(driver.one(site.url("/reset"))) is Reason.CONNECTION_LOST
    assert size_of(driver.one(site.url("/image/1.jpg"))) > 0
    assert len(driver.transfers._free) == 1


def test_connections_are_used_again(driver: Driver) -> None:
    with Site() as own:
        for _ in range(5):
            driver.one(own.url("/image/1.jpg"))
            driver.one(own.url("/status/404"))
        assert own.connections == 1


def test_facts_are_kept_if_somebody_wants_them(make_driver: MakeDriver, site: Site) -> None:
    driver = make_driver(replace(CONFIG, save_fetch_metadata=True))
    body = driver.one(site.url("/image/1.jpg")).result
    failure = driver.one(site.url("/status/404")).result
    assert isinstance(body, Body)
    assert isinstance(failure, Failure)
    assert body.fetched is not None
    assert failure.fetched is not None
    assert body.fetched.final_url == site.url("/image/1.jpg")
    assert (body.fetched.http_status, body.fetched.body_bytes) == (200, len(body.data))
    assert failure.fetched.http_status == 404


# -- where it goes --


def test_a_name_is_asked_where_we_say(driver: Driver, site: Site) -> None:
    for number in range(3):
        name = f"{number}.{NOBODY}"
        request = Request(
            f"http://{name}:{site.port}/image/1.jpg", PATIENCE, f"{name}:{site.port}:127.0.0.1"
        )
        assert size_of(driver.one(request)) > 0
        assert size_of(driver.one(request)) > 0


def test_a_name_that_moves_is_asked_at_its_new_address(driver: Driver, site: Site) -> None:
    url = f"http://{NOBODY}:{site.port}/image/1.jpg"
    nowhere = f"{NOBODY}:{site.port}:127.0.0.2"  # where nobody listens
    assert reason_of(driver.one(Request(url, PATIENCE, nowhere))) is Reason.CONNECT_FAILED
    assert size_of(driver.one(Request(url, PATIENCE, f"{NOBODY}:{site.port}:127.0.0.1"))) > 0


def test_a_proxy_is_asked_and_then_not(driver: Driver, site: Site) -> None:
    proxied = Request(f"http://{NOBODY}/image/9.jpg", PATIENCE, proxy=site.url(""))
    ended = driver.one(proxied)
    assert ended.status, "it came to the proxy"
    assert site.requests[-1].target == f"http://{NOBODY}/image/9.jpg"
    assert size_of(driver.one(site.url("/image/1.jpg"))) > 0
    assert site.requests[-1].target == "/image/1.jpg"


def test_an_address_that_is_not_allowed_is_sent_nothing(make_driver: MakeDriver) -> None:
    asked: list[tuple[str, str]] = []

    def may_connect(url: str, address: str) -> bool:
        asked.append((url, address))
        return False

    driver = make_driver(may_connect=may_connect)
    with Site() as own:
        url = own.url("/image/1.jpg")
        assert reason_of(driver.one(url)) is Reason.ADDRESS_NOT_ALLOWED
        assert own.requests == []
        assert asked == [(url, "127.0.0.1")]
        through = Request(f"http://{NOBODY}/image/1.jpg", PATIENCE, proxy=own.url(""))
        assert driver.one(through).status, "what a proxy connects to it knows best"


def test_an_address_is_looked_at_each_time_a_connection_is_used(make_driver: MakeDriver) -> None:
    answers = [True, False]
    driver = make_driver(may_connect=lambda *_: answers.pop(0))
    with Site() as own:
        assert size_of(driver.one(own.url("/image/1.jpg"))) > 0
        assert reason_of(driver.one(own.url("/image/2.jpg"))) is Reason.ADDRESS_NOT_ALLOWED
        assert len(own.requests) == 1


# -- time --


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/silent", "/stall", "/slow-header"])
def test_an_answer_that_does_not_come_is_not_waited_for(
    driver: Driver, site: Site, path: str
) -> None:
    ended = driver.one(site.url(path), seconds=0.3)
    assert reason_of(ended) is Reason.TIMEOUT
    assert 0.3 <= ended.seconds < 1.0


@pytest.mark.slow
def test_time_that_was_over_for_one_request_is_not_for_the_next(driver: Driver, site: Site) -> None:
    driver.one(site.url("/image/1.jpg"), seconds=0.2)
    ended = driver.one(site.url("/silent"), seconds=0.5)
    assert ended.seconds >= 0.5


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port to which no connection comes about: its queue is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@pytest.mark.slow
def test_a_connection_that_does_not_come_about_is_another_matter(driver: Driver, deaf: int) -> None:
    ended = driver.one(f"http://127.0.0.1:{deaf}/", seconds=0.3)
    assert reason_of(ended) is Reason.CONNECT_TIMEOUT
    assert (ended.status, ended.first_byte) == (0, 0)


@pytest.mark.slow
def test_connections_that_do_not_come_about_are_counted(
    make_driver: MakeDriver, site: Site, deaf: int
) -> None:
    driver = make_driver(politeness=Politeness(stalled_after_s=0.05))
    assert driver.transfers.stalled == 0
    driver.start("silent", site.url("/silent"), seconds=0.5)
    for number in range(3):
        driver.start(str(number), f"http://127.0.0.1:{deaf}/", seconds=0.5)
    driver.turn()
    assert driver.transfers.stalled == 0, "not for long yet"
    driver.until(lambda: driver.transfers.stalled == 3)
    driver.finish()
    driver.until(lambda: driver.transfers.stalled == 0)


@pytest.mark.slow
@pytest.mark.parametrize(("lowest", "reason"), [(1, Reason.TIMEOUT), (1024, Reason.TOO_SLOW)])
def test_a_body_that_crawls_is_given_up_before_its_time(
    make_driver: MakeDriver,
    site: Site,
    lowest: int,
    reason: Reason,
) -> None:
    politeness = Politeness(min_bytes_per_s=lowest)
    driver = make_driver(replace(CONFIG, timeout=0.9), politeness=politeness)
    ended = driver.one(site.url("/drip", every=0.05), seconds=0.9)
    assert reason_of(ended) is reason


@pytest.mark.slow
def test_nobody_waits_for_what_is_over(driver: Driver, site: Site) -> None:
    assert driver.transfers.next_timeout(time.monotonic()) is None
    driver.start("one", site.url("/silent"), seconds=0.2)
    next_timeout = driver.transfers.next_timeout(time.monotonic())
    assert next_timeout is not None
    assert next_timeout <= 0.2
    driver.finish()
    driver.one(site.url("/image/1.jpg"))
    assert driver.transfers.next_timeout(time.monotonic() + PATIENCE) in {None, 0.0}


# -- space --

LARGE = 1_000_000
"""Bytes; more than libcurl hands over at once."""


def large(site: Site) -> str:
    return site.url("/image/1.jpg", padding=LARGE)


def test_bodies_wait_for_space_and_all_of_them_come(driver: Driver, site: Site) -> None:
    driver.free = 0
    for number in range(5):
        driver.start(str(number), large(site))
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, driver.budget.reserved)
        return not len(driver.transfers)

    driver.until(over)
    assert all(size_of(ended) > LARGE for ended in driver.seen)
    assert LARGE < most < 2 * LARGE, "one at a time"
    assert driver.budget.reserved == 0


def hold_the_only_space(driver: Driver) -> object:
    """Let somebody go beyond what is free; everybody else has to wait."""
    driver.free = 0
    holder = object()
    assert driver.budget.take(holder, 1)
    return holder


@pytest.mark.slow
@pytest.mark.parametrize("waits", [0.3, 0.7])
def test_the_time_in_which_a_body_waits_for_us_does_not_count(
    driver: Driver, site: Site, waits: float
) -> None:
    holder = hold_the_only_space(driver)
    driver.start("one", site.url("/gated", token=f"waits-{waits}"), seconds=0.5)
    driver.until(lambda: bool(driver.budget.waiting))
    driver.pass_time(waits)
    driver.budget.leave(holder)
    driver.pass_time(0.3)
    assert driver.seen == []
    site.open_gate(f"waits-{waits}")
    ended = driver.finish()["one"]
    assert size_of(ended) > 0
    assert 0.1 <= ended.seconds < 0.5


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (f"/say?type=text/html&text=%3Chtml%3E{'x' * 30_000}", Reason.NOT_AN_IMAGE),
        ("/html-for-ever", Reason.NOT_AN_IMAGE),
        ("/endless", Reason.BODY_TOO_LARGE),
    ],
    ids=["html", "html-for-ever", "endless"],
)
def test_what_waited_and_is_not_wanted_then_ends_like_any_other(
    driver: Driver, site: Site, path: str, reason: Reason
) -> None:
    holder = hold_the_only_space(driver)
    driver.start("one", site.url(path), seconds=5.0)
    driver.until(lambda: bool(driver.budget.waiting))
    driver.free = 10**9
    driver.budget.leave(holder)
    assert reason_of(driver.finish()["one"]) is reason
    assert not driver.budget.waiting


def test_closing_abandons_what_is_under_way(site: Site) -> None:
    driver = Driver()
    holder = hold_the_only_space(driver)
    driver.start("waits", large(site))
    driver.until(lambda: bool(driver.budget.waiting))
    driver.start("begins", site.url("/silent"))
    driver.turn()
    assert holder is not None
    driver.close()
    assert len(driver.transfers) == 0
    assert driver.seen == []
