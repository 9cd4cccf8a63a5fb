"""Which failures of a store may pass, and which may not."""

from __future__ import annotations

import errno

import pytest

from img2dataset.storage.failures import (
    RecoveryAction,
    as_os_error,
    as_transient_error,
    choose_recovery,
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
        (number("ENOSPC"), RecoveryAction.RETRY_STEP, RecoveryAction.RETRY_STEP),
        (number("EDQUOT"), RecoveryAction.RETRY_STEP, RecoveryAction.RETRY_STEP),
        (
            number("EBUSY"),
            RecoveryAction.RETRY_STEP,
            RecoveryAction.RETRY_STEP,
        ),  # 503 SlowDown, as s3fs tells it
        (number("EREMOTEIO"), RecoveryAction.RETRY_STEP, RecoveryAction.RETRY_STEP),  # 500
        (number("ENETUNREACH"), RecoveryAction.RETRY_STEP, RecoveryAction.RETRY_STEP),
        (TimeoutError("slow"), RecoveryAction.RETRY_STEP, RecoveryAction.RETRY_STEP),
        (ConnectionResetError("gone"), RecoveryAction.RETRY_STEP, RecoveryAction.RETRY_STEP),
        (OSError("who knows"), RecoveryAction.REDO_SHARD, RecoveryAction.RETRY_STEP),
        (number("EIO"), RecoveryAction.REDO_SHARD, RecoveryAction.RETRY_STEP),
        (number("ESTALE"), RecoveryAction.REDO_SHARD, RecoveryAction.REDO_SHARD),
        (number("EFBIG"), RecoveryAction.REDO_SHARD, RecoveryAction.REDO_SHARD),
        (number("EINVAL"), RecoveryAction.REDO_SHARD, RecoveryAction.REDO_SHARD),
        (number("ENAMETOOLONG"), RecoveryAction.REDO_SHARD, RecoveryAction.REDO_SHARD),
        (FileNotFoundError("no such bucket"), RecoveryAction.REDO_SHARD, RecoveryAction.REDO_SHARD),
        (IsADirectoryError("mine"), RecoveryAction.REDO_SHARD, RecoveryAction.REDO_SHARD),
        (number("EACCES"), RecoveryAction.STOP_RUN, RecoveryAction.STOP_RUN),
        (number("EROFS"), RecoveryAction.STOP_RUN, RecoveryAction.STOP_RUN),
        (PermissionError("Access Denied"), RecoveryAction.STOP_RUN, RecoveryAction.STOP_RUN),
        (
            caused(PermissionError("The token has expired"), "ExpiredToken"),
            RecoveryAction.RETRY_STEP,
            RecoveryAction.RETRY_STEP,
        ),
        (
            caused(PermissionError("no"), "AccessDenied"),
            RecoveryAction.STOP_RUN,
            RecoveryAction.STOP_RUN,
        ),
    ],
    ids=repr,
)
def test_each_failure_has_its_recovery(
    error: OSError, here: RecoveryAction, elsewhere: RecoveryAction
) -> None:
    assert choose_recovery(error) is here
    assert choose_recovery(error, remote=True) is elsewhere


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


def test_a_list_is_waited_for_only_where_that_may_help() -> None:
    assert as_transient_error(ConnectionResetError()) is not None
    assert as_transient_error(FileNotFoundError()) is None
    assert as_transient_error(None) is None


# -- waiting
