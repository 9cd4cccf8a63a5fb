"""How a failure of a store is waited for."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

import pytest

from img2dataset.errors import StorageGoneError
from img2dataset.storage import retry
from img2dataset.storage.failures import as_os_error
from img2dataset.storage.retry import StorageRetry, try_once


def number(name: str) -> OSError:
    return OSError(getattr(errno, name), name)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(retry, "NOTICE_AFTER_S", 0.0)
    return []


def failing(*errors: OSError) -> Callable[[], str]:
    left = list(errors)

    def step() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return step


def test_a_step_is_taken_again_until_it_succeeds_and_the_wait_is_told(said: list[str]) -> None:
    full = number("ENOSPC")

    assert (
        StorageRetry(60, said.append)(failing(full, full, full), "/out cannot be written") == "done"
    )
    assert len(said) == 2
    assert said[0].startswith("/out cannot be written since ")
    assert "ENOSPC; waiting for up to 60 seconds; make room and it goes on" in said[0]
    assert said[1].startswith("going on after 0 seconds")


def test_what_passes_at_once_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.001)
    said: list[str] = []

    assert StorageRetry(60, said.append)(failing(number("EBUSY")), "x") == "done"
    assert said == []


@pytest.mark.parametrize(
    ("longest", "text"),
    [
        (0, "/out cannot be written: ENOSPC"),
        (0.02, "/out cannot be written: ENOSPC (tried for 0.02 seconds)"),
    ],
)
def test_a_wait_ends(longest: float, text: str, said: list[str]) -> None:
    def step() -> None:
        raise number("ENOSPC")

    with pytest.raises(StorageGoneError) as caught:
        StorageRetry(longest, said.append)(step, "/out cannot be written")

    assert str(caught.value) == text


def test_what_will_not_pass_is_not_waited_for(said: list[str]) -> None:
    with pytest.raises(StorageGoneError, match="EROFS"):
        StorageRetry(60, said.append)(failing(number("EROFS")), "x")
    with pytest.raises(OSError, match="EFBIG"):
        StorageRetry(60, said.append)(failing(number("EFBIG")), "x")


def test_without_patience_the_failure_itself_comes_at_once() -> None:
    with pytest.raises(OSError, match="ENOSPC"):
        StorageRetry()(failing(number("ENOSPC")), "x")


def test_who_waits_can_be_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 60.0)
    waiting = StorageRetry(600)
    threading.Timer(0.05, waiting.end).start()

    with pytest.raises(OSError, match="ENOSPC"):
        waiting(failing(number("ENOSPC"), number("ENOSPC")), "x")


def test_a_bug_is_no_failure_of_a_store() -> None:
    assert as_os_error(KeyError("x")) is None
    empty: dict[str, str] = {}
    with pytest.raises(KeyError):
        StorageRetry(10)(lambda: empty["x"], "x cannot be written")
    with pytest.raises(KeyError):
        try_once(lambda: empty["x"])
