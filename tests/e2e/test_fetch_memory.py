"""Bodies: those that are no use are dropped early, and together they stay under a ceiling."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from img2dataset.errors import Reason
from img2dataset.fetch import Engine
from img2dataset.records import Body, Row
from tests.e2e.fetching import (
    CONFIG,
    PATIENCE,
    Outcome,
    different,
    fetch,
    reason_of,
    reasons,
    rows,
)
from tests.site import Site

MEGABYTE = 1_000_000


class Watched:
    """Room of a fixed size that notes how much of it was taken, and rows that are only counted."""

    full = False

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.engine: Engine | None = None
        self.most = 0
        self.sizes: dict[int, int] = {}
        """Of the bodies, by row; -1 = a failure."""
        self.came = threading.Semaphore(0)

    @property
    def free_bytes(self) -> int:
        """Asked in the engine's thread whenever it wonders."""
        if self.engine is not None:
            self.most = max(self.most, self.engine.reserved_bytes)
        return self.ceiling

    def deliver(self, row: Row, outcome: Outcome) -> None:
        assert self.engine is not None
        self.most = max(self.most, self.engine.reserved_bytes)
        self.sizes[row.index] = len(outcome.data) if isinstance(outcome, Body) else -1
        self.came.release()

    def fetch(self, *urls: str, size: int) -> None:
        config = replace(CONFIG, max_image_bytes=2 * size, timeout=30.0, thread_count=200)
        config = replace(config, first_connections_per_host=200)
        self.engine = Engine(config, self.deliver, self)
        self.engine.start()
        try:
            self.engine.submit(rows(*urls))
            for _ in urls:
                assert self.came.acquire(timeout=PATIENCE), self.engine
            assert self.engine.reserved_bytes == 0
        finally:
            self.engine.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "size"),
    [
        pytest.param(100, MEGABYTE),
        pytest.param(200, 5 * MEGABYTE, marks=pytest.mark.slow),
    ],
)
def test_large_bodies_all_arrive_and_never_take_more_than_the_ceiling(
    site: Site, count: int, size: int
) -> None:
    room = Watched(4 * size)
    room.fetch(*different(site.url(f"/bulk?size={size}"), count), size=size)
    assert room.sizes == dict.fromkeys(range(count), size)
    assert 2 * size <= room.most <= room.ceiling + size


def test_bodies_whose_length_is_not_known_stay_under_it_too(site: Site) -> None:
    """They end by being too large: no server here sends as much without saying so."""
    room = Watched(3 * MEGABYTE)
    room.fetch(*different(site.url("/endless"), 20), size=MEGABYTE)
    assert room.sizes == dict.fromkeys(range(20), -1)
    assert room.most <= room.ceiling + 2 * MEGABYTE + 300_000


def test_a_body_larger_than_the_ceiling_arrives_all_the_same(site: Site) -> None:
    room = Watched(100_000)
    room.fetch(*different(site.url("/bulk?size=3000000"), 10), size=3 * MEGABYTE)
    assert room.sizes == dict.fromkeys(range(10), 3 * MEGABYTE)
    assert room.most <= 2 * 3 * MEGABYTE


def test_one_that_has_no_room_ever_is_no_dead_end(site: Site) -> None:
    room = Watched(1)
    room.fetch(*different(site.url("/bulk?size=300000"), 20), size=MEGABYTE)
    assert room.sizes == dict.fromkeys(range(20), 300_000)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/say?type=text/html&text=<html>{filling}", Reason.NOT_AN_IMAGE),
        ("/say?type=image/jpeg&text=<!DOCTYPE html>{filling}", Reason.NOT_AN_IMAGE),
        ("/say?type=application/json&text=[{filling}]", Reason.NOT_AN_IMAGE),
        ("/say?type=image/jpeg&status=404&text={filling}", Reason.HTTP_STATUS),
    ],
)
def test_what_is_no_image_is_dropped_at_its_first_bytes(
    site: Site, path: str, reason: Reason
) -> None:
    url = site.url(path.format(filling="x" * 60_000))
    with_connections = site.connections
    assert reasons(url, url + "2") == [reason, reason]
    assert site.connections - with_connections == 2  # the rest was not waited for


def test_an_html_page_of_many_megabytes_costs_little(site: Site) -> None:
    url = site.url("/html-for-ever")
    (outcome,) = fetch(url, timeout=5.0, max_image_bytes=100 * MEGABYTE)
    assert reason_of(outcome) is Reason.NOT_AN_IMAGE
    assert site.asked("/html-for-ever")[-1].body_bytes < 12 * MEGABYTE  # buffers of the system


def test_an_image_that_is_called_a_page_is_an_image(site: Site) -> None:
    url = site.url("/image/1.jpg?header=Content-Type: text/html&padding=100000")
    assert reasons(url) == [None]
