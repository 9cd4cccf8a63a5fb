"""Which failures of a store are waited for, and how."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

import pytest

from img2dataset.errors import StorageGoneError
from img2dataset.storage import retry as patience
from img2dataset.storage.retry import (
    RecoveryAction,
    StorageRetry,
    as_os_error,
    cure_of,
    passing_error,
    try_once,
)


class ClientError(Exception):
    """As botocore has it."""

    __module__ = "botocore.exceptions"

    def __init__(self, code: str) -> None:
        super().__init__(f"An error occurred ({code})")
        self.response = {"Error": {"Code": code}}


class NoCredentialsError(Exception):
    __module__ = "botocore.exceptions"


class EndpointConnectionError(Exception):
    __module__ = "botocore.exceptions"


def caused(error: OSError, code: str) -> OSError:
    error.__cause__ = ClientError(code)
    return error


def number(name: str) -> OSError:
    return OSError(getattr(errno, name), name)


@pytest.mark.parametrize(
    ("error", "here", "elsewhere"),
    [
        (number("ENOSPC"), RecoveryAction.WAIT, RecoveryAction.WAIT),
        (number("EDQUOT"), RecoveryAction.WAIT, RecoveryAction.WAIT),
        (
            number("EBUSY"),
            RecoveryAction.WAIT,
            RecoveryAction.WAIT,
        ),  # 503 SlowDown, as s3fs tells it
        (number("EREMOTEIO"), RecoveryAction.WAIT, RecoveryAction.WAIT),  # 500
        (number("ENETUNREACH"), RecoveryAction.WAIT, RecoveryAction.WAIT),
        (TimeoutError("slow"), RecoveryAction.WAIT, RecoveryAction.WAIT),
        (ConnectionResetError("gone"), RecoveryAction.WAIT, RecoveryAction.WAIT),
        (OSError("who knows"), RecoveryAction.REDO, RecoveryAction.WAIT),
        (number("EIO"), RecoveryAction.REDO, RecoveryAction.WAIT),
        (number("ESTALE"), RecoveryAction.REDO, RecoveryAction.REDO),
        (number("EFBIG"), RecoveryAction.REDO, RecoveryAction.REDO),
        (number("EINVAL"), RecoveryAction.REDO, RecoveryAction.REDO),
        (number("ENAMETOOLONG"), RecoveryAction.REDO, RecoveryAction.REDO),
        (FileNotFoundError("no such bucket"), RecoveryAction.REDO, RecoveryAction.REDO),
        (IsADirectoryError("mine"), RecoveryAction.REDO, RecoveryAction.REDO),
        (number("EACCES"), RecoveryAction.STOP, RecoveryAction.STOP),
        (number("EROFS"), RecoveryAction.STOP, RecoveryAction.STOP),
        (PermissionError("Access Denied"), RecoveryAction.STOP, RecoveryAction.STOP),
        (
            caused(PermissionError("The token has expired"), "ExpiredToken"),
            RecoveryAction.WAIT,
            RecoveryAction.WAIT,
        ),
        (caused(PermissionError("no"), "AccessDenied"), RecoveryAction.STOP, RecoveryAction.STOP),
    ],
    ids=repr,
)
def test_each_failure_has_its_cure(
    error: OSError, here: RecoveryAction, elsewhere: RecoveryAction
) -> None:
    assert cure_of(error) is here
    assert cure_of(error, remote=True) is elsewhere


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NoCredentialsError("none"), PermissionError),
        (EndpointConnectionError("down"), ConnectionError),
        (EOFError(), ConnectionError),
        (OSError("itself"), OSError),
    ],
)
def test_what_libraries_raise_becomes_pythons_own(error: Exception, kind: type[Exception]) -> None:
    assert isinstance(as_os_error(error), kind)


def test_a_bug_is_no_failure_of_a_store() -> None:
    assert as_os_error(KeyError("x")) is None
    empty: dict[str, str] = {}
    with pytest.raises(KeyError):
        StorageRetry(10)(lambda: empty["x"], "x cannot be written")
    with pytest.raises(KeyError):
        try_once(lambda: empty["x"])


def test_a_list_is_waited_for_only_where_that_may_help() -> None:
    assert passing_error(ConnectionResetError()) is not None
    assert passing_error(FileNotFoundError()) is None
    assert passing_error(None) is None


# -- waiting


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(patience, "TELL_AFTER", 0.0)
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
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.001)
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
    monkeypatch.setattr(patience, "FIRST_PAUSE", 60.0)
    waiting = StorageRetry(600)
    threading.Timer(0.05, waiting.end).start()

    with pytest.raises(OSError, match="ENOSPC"):
        waiting(failing(number("ENOSPC"), number("ENOSPC")), "x")
