"""What a user is told of hosts that rest."""

from __future__ import annotations

from typing import Any

import pytest

from img2dataset.errors import Reason, RowError, format_http_label
from img2dataset.fetch.hosts.hosts import Hosts
from img2dataset.fetch.politeness import POLITE
from img2dataset.records import Failure

NAME = "http://slow.example"
TOO_MUCH = Failure.of(RowError(Reason.HTTP_STATUS_TRANSIENT, format_http_label(429)))
REFUSED = Failure.of(RowError(Reason.CONNECT_FAILED))


class Site:
    """Hosts that are asked one request at a time, and what was said of them."""

    def __init__(self, **limits: Any) -> None:
        self.said: list[str] = []
        self.hosts: Hosts[int] = Hosts(1, 16, say=self.said.append, **limits)
        self.now = 1000.0

    def end(self, result: Failure, wish: float | None = None, name: str = NAME) -> None:
        """One request that ends so, while two others wait for the host."""
        for attempt in range(3):
            self.hosts.admit(name, attempt, self.now)
        self.hosts.ended(name, result, 0.0 if result is REFUSED else 0.01, self.now, wish)


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_rest_is_said_with_how_many_rows_wait(site: Site) -> None:
    site.end(TOO_MUCH, wish=30)

    assert site.said == [
        f"{NAME} says it is asked too much (429 or 503) and rests for 30 s: 2 rows wait for it"
    ]


def test_a_short_rest_is_not_worth_a_line(site: Site) -> None:
    site.end(TOO_MUCH)
    site.end(TOO_MUCH, wish=2)

    assert site.said == []


def test_a_long_wish_is_said_as_what_it_means(site: Site) -> None:
    site.end(TOO_MUCH, wish=3600)

    assert site.said == [f"{NAME} wants to be left alone for 3600 s: its rows fail meanwhile"]


def test_a_dead_host_is_said_when_it_is_given_up(site: Site) -> None:
    for _ in range(POLITE.max_consecutive_failures + POLITE.max_trials - 1):
        site.hosts.admit(NAME, 0, site.now)
        site.hosts.ended(NAME, REFUSED, 0.0, site.now)
        site.now += 10
        site.hosts.look(site.now)
    assert site.said == []

    site.hosts.admit(NAME, 0, site.now)
    site.hosts.ended(NAME, REFUSED, 0.0, site.now)

    assert site.said == [f"{NAME} gives no good answer: for 60 s its rows fail at once"]


def test_a_delay_that_robots_txt_asks_for_is_said_once(site: Site) -> None:
    for attempt in range(3):
        site.hosts.admit(NAME, attempt, site.now, 20.0)

    assert site.said == [f"{NAME} asks in its robots.txt for 20 s between two requests"]


def test_a_delay_that_the_user_asks_for_is_not_said() -> None:
    site = Site(min_delay_per_host=20.0)
    site.hosts.admit(NAME, 0, site.now)
    site.hosts.admit(NAME, 1, site.now)
    site.hosts.ended(NAME, None, 0.01, site.now)

    assert site.said == []


def test_lines_are_few_and_count_the_hosts_between_them(site: Site) -> None:
    for minute in range(16):
        for number in range(5):
            site.end(TOO_MUCH, wish=30, name=f"http://{minute}.{number}.example")
        site.now += POLITE.notice.first

    assert [line.partition(" ")[0] for line in site.said] == [
        f"http://{minute}.0.example" for minute in (0, 1, 3, 7, 15)
    ]
    assert "also" not in site.said[0]
    assert site.said[1].endswith("(since the last such line also 4 other hosts rested or failed)")
    assert "9 other hosts" in site.said[2]


@pytest.mark.slow
def test_many_hosts_are_not_all_remembered(site: Site) -> None:
    for number in range(2 * POLITE.max_notice_hosts):
        site.end(TOO_MUCH, wish=30, name=f"http://{number}.example")
    site.now += POLITE.notice.first
    site.end(TOO_MUCH, wish=30, name="http://last.example")

    assert "also 1,000 other hosts or more" in site.said[1]
