"""An error of a store -> what may help against it, and how it reads to a person."""

from __future__ import annotations

import errno
from enum import Enum


class RecoveryAction(Enum):
    """What may help against an error of a store."""

    RETRY_STEP = "wait"
    """The cause may end by itself, or a person makes room: the same step is retried."""
    REDO_SHARD = "redo"
    """This file is lost, and another attempt may work: its shard is done again."""
    STOP_RUN = "stop"
    """Every other shard would fail as well."""


RETRIED = (
    # no room
    "ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "ENOMEM",
    # busy, or not reached
    "EAGAIN", "EBUSY", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH",
    "ENETDOWN", "ENETRESET", "ENETUNREACH", "ENOTCONN", "EPIPE", "EREMOTEIO", "ETIMEDOUT",
)  # fmt: skip
FORBIDDEN = ("EACCES", "EPERM", "EROFS")
RECOVERY_ACTIONS = {
    **dict.fromkeys(RETRIED, RecoveryAction.RETRY_STEP),
    **dict.fromkeys(FORBIDDEN, RecoveryAction.STOP_RUN),
    # EIO, ESTALE, ENOENT, EISDIR, ENAMETOOLONG, EFBIG and all others: this file is lost
}
RECOVERY_BY_ERRNO = {
    getattr(errno, name): action
    for name, action in RECOVERY_ACTIONS.items()
    if hasattr(errno, name)
}

EXPIRED_CODES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
"""Codes of object stores for credentials that were valid once: a person or a helper renews them."""
REFUSAL_NAMES = ("Credential", "Auth", "Token", "Forbidden")
"""Parts of the class names of errors by which libraries report a lack of permission."""
ADVICE_BY_ERRNO = {"ENOSPC": "make room and it goes on", "EDQUOT": "make room and it goes on"}


def choose_recovery(error: OSError, *, remote: bool = False) -> RecoveryAction:
    """Choose what may help against `error`; remote stores also have failures without a number."""
    if is_expired(error):
        return RecoveryAction.RETRY_STEP
    action = RECOVERY_BY_ERRNO.get(error.errno) if error.errno is not None else None
    if action is not None:
        return action
    match error:
        case PermissionError():
            return RecoveryAction.STOP_RUN
        case ConnectionError() | TimeoutError():
            return RecoveryAction.RETRY_STEP
        case FileNotFoundError() | FileExistsError() | IsADirectoryError() | NotADirectoryError():
            return RecoveryAction.REDO_SHARD
    return (
        RecoveryAction.RETRY_STEP
        if remote and error.errno in {None, errno.EIO}
        else RecoveryAction.REDO_SHARD
    )


def is_expired(error: BaseException) -> bool:
    """True if the store says that the credentials have expired."""
    response = getattr(error.__cause__, "response", None)  # botocore's, below fsspec's error
    if isinstance(response, dict) and response.get("Error", {}).get("Code") in EXPIRED_CODES:
        return True
    return any(code in str(error) for code in EXPIRED_CODES)


def is_raised_here(error: BaseException) -> bool:
    """True if code of this package raised `error`: then it says nothing about a store."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    module = "" if place is None else str(place.tb_frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] == __name__.partition(".")[0]


def as_os_error(error: Exception) -> OSError | None:
    """Turn an error of the libraries below fsspec into one of Python's own; None for other errors."""
    if isinstance(error, OSError):
        return error
    if not isinstance(error, EOFError) and not is_from_file_system(error):
        return None
    text = one_line(error)
    refused = any(part in type(error).__name__ for part in REFUSAL_NAMES)
    made: OSError = PermissionError(errno.EACCES, text) if refused else ConnectionError(text)
    made.__cause__ = error
    return made


def as_transient_error(error: BaseException | None) -> OSError | None:
    """As `as_os_error`, for errors of reading after which a retry may help; None for all others."""
    failure = as_os_error(error) if isinstance(error, Exception) else None
    return (
        failure
        if failure is not None and choose_recovery(failure) is RecoveryAction.RETRY_STEP
        else None
    )


def find_status(error: BaseException) -> int | None:
    """Find the status of the answer that an error is about, whichever library raised it."""
    asked: BaseException | None = error
    while asked is not None:
        for holder in (asked, getattr(asked, "response", None)):
            for name in ("status_code", "status"):
                status = getattr(holder, name, None)
                if isinstance(status, int):
                    return status
        asked = asked.__cause__
    return None


def find_store_status(error: BaseException) -> int | None:
    """As `find_status`, also where the libraries of S3 and Google have it."""
    asked: BaseException | None = error
    while asked is not None:
        response = getattr(asked, "response", None)
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if isinstance(status, int):
                return status
        code = getattr(asked, "code", None)
        if isinstance(code, int) and 100 <= code < 600:
            return code
        asked = asked.__cause__
    return find_status(error)


def is_from_file_system(error: BaseException) -> bool:
    """True if the error's class comes from the libraries below fsspec; errors of this package are
    bugs."""
    package = type(error).__module__.partition(".")[0]
    return package not in {"builtins", "img2dataset", "pyarrow", "numpy"}


def one_line(error: BaseException) -> str:
    """Return the first line of an error's text, cut to a length for a terminal."""
    text = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return text[:300]


def describe_error(error: OSError) -> str:
    """Describe an error to a person."""
    if is_expired(error):
        return f"the credentials have expired ({one_line(error)})"
    return error.strerror or one_line(error)


def describe_remedy(error: OSError) -> str:
    name = errno.errorcode.get(error.errno or 0, "")
    text = "renew them and it goes on" if is_expired(error) else ADVICE_BY_ERRNO.get(name)
    return f"; {text}" if text else ""
