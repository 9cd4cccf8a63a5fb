from __future__ import annotations

import logging
import selectors
import sys

import pytest

from img2dataset.fetch.http.fd_limit import SPARE_FILES, transfers_allowed

resource = pytest.importorskip("resource")


class FakeLimit:
    def __init__(self, soft: int, hard: int) -> None:
        self.now = (soft, hard)

    def get(self, _which: int) -> tuple[int, int]:
        return self.now

    def set(self, _which: int, limits: tuple[int, int]) -> None:
        self.now = limits


def limited(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> FakeLimit:
    limit = FakeLimit(soft, hard)
    monkeypatch.setattr(resource, "getrlimit", limit.get)
    monkeypatch.setattr(resource, "setrlimit", limit.set)
    return limit


def test_a_limit_that_is_high_enough_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = limited(monkeypatch, 1024, 4096)
    assert transfers_allowed(256) == 256
    assert limit.now == (1024, 4096)


def test_the_soft_limit_is_raised_as_far_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = limited(monkeypatch, 1024, 8192)
    assert transfers_allowed(2000) == 2000
    assert limit.now == (4000 + SPARE_FILES, 8192)


def test_no_limit_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert transfers_allowed(100_000) == 100_000


def test_where_the_hard_limit_is_low_fewer_run_at_once_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    limited(monkeypatch, 512, 1024)
    with caplog.at_level(logging.WARNING):
        assert transfers_allowed(2000) == (1024 - SPARE_FILES) // 2
    assert "ulimit" in caplog.text


@pytest.mark.parametrize(("wanted", "allowed"), [(150, 150), (256, 200), (2000, 200)])
def test_where_there_is_only_select_fewer_run_at_once_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wanted: int,
    allowed: int,
) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(selectors, "DefaultSelector", selectors.SelectSelector)
    with caplog.at_level(logging.WARNING):
        assert transfers_allowed(wanted) == allowed
    assert ("512 sockets" in caplog.text) == (wanted != allowed)


def test_without_limits_there_are_as_many_as_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(selectors, "DefaultSelector", object)
    assert transfers_allowed(2000) == 2000
