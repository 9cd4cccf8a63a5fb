"""A step that stores something -> done, perhaps after a wait; or why it cannot be.

Disks fill up and are cleared, object stores go down and come back.  A worker waits for that, for
a bounded time and in place, so that nothing it has fetched is lost and it fetches nothing more
than it can hold.  What will not pass by itself stops the run.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from img2dataset.errors import StorageGoneError

log = logging.getLogger(__name__)
T = TypeVar("T")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0
"""Seconds between two tries; each pause is twice as long as the one before."""
TELL_AFTER = 1.0
"""Seconds of waiting that nobody needs to hear of."""


class RecoveryAction(Enum):
    """What may help against an error."""

    WAIT = "wait"
    """It may pass by itself, or someone makes room: the same step is tried again."""
    REDO = "redo"
    """This file is lost; another try may work: its shard is done again."""
    STOP = "stop"
    """Nothing that we can do: every other shard would fail as well."""


CURES: dict[str, RecoveryAction] = {
    # no room
    "ENOSPC": RecoveryAction.WAIT, "EDQUOT": RecoveryAction.WAIT, "EMFILE": RecoveryAction.WAIT, "ENFILE": RecoveryAction.WAIT,
    "ENOMEM": RecoveryAction.WAIT,
    # busy, or not reached
    "EAGAIN": RecoveryAction.WAIT, "EBUSY": RecoveryAction.WAIT, "ECONNABORTED": RecoveryAction.WAIT,
    "ECONNREFUSED": RecoveryAction.WAIT, "ECONNRESET": RecoveryAction.WAIT, "EHOSTDOWN": RecoveryAction.WAIT,
    "EHOSTUNREACH": RecoveryAction.WAIT, "ENETDOWN": RecoveryAction.WAIT, "ENETRESET": RecoveryAction.WAIT,
    "ENETUNREACH": RecoveryAction.WAIT, "ENOTCONN": RecoveryAction.WAIT, "EPIPE": RecoveryAction.WAIT,
    "EREMOTEIO": RecoveryAction.WAIT, "ETIMEDOUT": RecoveryAction.WAIT,
    # not allowed
    "EACCES": RecoveryAction.STOP, "EPERM": RecoveryAction.STOP, "EROFS": RecoveryAction.STOP,
    # EIO, ESTALE, ENOENT, EISDIR, ENAMETOOLONG, EFBIG and all others: this file
}  # fmt: skip
BY_NUMBER = {getattr(errno, name): cure for name, cure in CURES.items() if hasattr(errno, name)}

EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
"""Codes of object stores for credentials that were good: someone, or a helper, renews them."""
REFUSING = ("Credential", "Auth", "Token", "Forbidden")
"""Parts of the names of errors by which libraries say that they may not."""
ADVICE = {"ENOSPC": "make room and it goes on", "EDQUOT": "make room and it goes on"}


def cure_of(error: OSError, *, remote: bool = False) -> RecoveryAction:
    """What may help against `error`; stores elsewhere also have failures without a number."""
    if is_expired(error):
        return RecoveryAction.WAIT
    cure = BY_NUMBER.get(error.errno) if error.errno is not None else None
    if cure is not None:
        return cure
    match error:
        case PermissionError():
            return RecoveryAction.STOP
        case ConnectionError() | TimeoutError():
            return RecoveryAction.WAIT
        case FileNotFoundError() | FileExistsError() | IsADirectoryError() | NotADirectoryError():
            return RecoveryAction.REDO
    return (
        RecoveryAction.WAIT if remote and error.errno in {None, errno.EIO} else RecoveryAction.REDO
    )


def is_expired(error: BaseException) -> bool:
    """Whether the store says that credentials are no longer good."""
    response = getattr(error.__cause__, "response", None)  # botocore's, below fsspec's error
    if isinstance(response, dict) and response.get("Error", {}).get("Code") in EXPIRED:
        return True
    return any(code in str(error) for code in EXPIRED)


def as_os_error(error: Exception) -> OSError | None:
    """The errors of the libraries below fsspec as Python's own; None if it is no such error."""
    if isinstance(error, OSError):
        return error
    if not isinstance(error, EOFError) and not is_of_a_file_system(error):
        return None
    text = one_line(error)
    refused = any(part in type(error).__name__ for part in REFUSING)
    made: OSError = PermissionError(errno.EACCES, text) if refused else ConnectionError(text)
    made.__cause__ = error
    return made


def passing_error(error: BaseException | None) -> OSError | None:
    """`error` as Python's own, if it is one of reading that may pass by itself."""
    failure = as_os_error(error) if isinstance(error, Exception) else None
    return failure if failure is not None and cure_of(failure) is RecoveryAction.WAIT else None


def is_of_a_file_system(error: BaseException) -> bool:
    """Whether the error's class comes from the libraries below fsspec; ours are bugs."""
    package = type(error).__module__.partition(".")[0]
    return package not in {"builtins", "img2dataset", "pyarrow", "numpy"}


def one_line(error: BaseException) -> str:
    """The first line of an error's text, of a length for a terminal."""
    text = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return text[:300]


def attempt(step: Callable[[], T], results: list[T]) -> OSError | None:
    """Do `step`: add its result to `results`, or return why it failed."""
    try:
        results.append(step())
    except Exception as error:
        failure = as_os_error(error)
        if failure is None:
            raise
        return failure
    return None


def try_once(step: Callable[[], object]) -> None:
    """Do a step whose failure changes nothing: clearing away what the next run would."""
    failure = attempt(step, [])
    if failure is not None:
        log.debug("not cleared away now: %s", failure)


class StorageRetry:
    """Takes steps again and again, for at most `longest` seconds without success.

    Without `longest` it never waits, and the caller gets the error itself.
    """

    def __init__(
        self, longest: float | None = None, say: Callable[[str], None] = log.warning
    ) -> None:
        self._longest = longest
        self._say = say
        self._over = threading.Event()

    @property
    def waits(self) -> bool:
        return self._longest is not None

    def end(self) -> None:
        """Wait no longer, now and from now on: what fails, fails.  From any thread."""
        self._over.set()

    def rest(self, seconds: float) -> bool:
        """Wait for something else; return whether it may be waited for on."""
        return not self._over.wait(seconds)

    def __call__(self, step: Callable[[], T], what: str, *, remote: bool = False) -> T:
        """Do `step`; `what` says what fails meanwhile, as in "/out cannot be written".

        Raises:
            OSError: it failed, and it is not worth waiting, or this is over.
            StorageGoneError: it failed for good, or for too long.
        """
        wait = Wait(what)
        results: list[T] = []
        while (failure := attempt(step, results)) is not None:
            self._pause(wait, failure, remote=remote)
        if wait.told:
            self._say(f"going on after {in_words(round(wait.seconds))} in which {what}")
        return results[0]

    def _pause(self, wait: Wait, error: OSError, *, remote: bool) -> None:
        cure = cure_of(error, remote=remote)
        if cure is RecoveryAction.REDO or self._longest is None or self._over.is_set():
            raise error
        if cure is RecoveryAction.STOP:
            raise StorageGoneError(f"{wait.what}: {reason(error)}") from error
        if wait.seconds >= self._longest:
            tried = f" (tried for {in_words(self._longest)})" if self._longest else ""
            raise StorageGoneError(f"{wait.what}: {reason(error)}{tried}") from error
        if wait.seconds >= TELL_AFTER and not wait.told:
            wait.told = True
            self._say(
                f"{wait.what} since {wait.time}: {reason(error)}; waiting for "
                f"up to {in_words(self._longest)}{advice(error)}"
            )
        self._over.wait(min(wait.next_pause(), max(0.01, self._longest - wait.seconds)))


class Wait:
    """Since the first failure of a step."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.told = False
        self.time = time.strftime("%H:%M")
        self._began: float | None = None
        self._next = FIRST_PAUSE

    @property
    def seconds(self) -> float:
        if self._began is None:
            self._began = time.monotonic()
        return time.monotonic() - self._began

    def next_pause(self) -> float:
        pause, self._next = self._next, min(2 * self._next, LONGEST_PAUSE)
        return pause


def reason(error: OSError) -> str:
    """An error for people."""
    if is_expired(error):
        return f"the credentials have expired ({one_line(error)})"
    return error.strerror or one_line(error)


def advice(error: OSError) -> str:
    name = errno.errorcode.get(error.errno or 0, "")
    text = "renew them and it goes on" if is_expired(error) else ADVICE.get(name)
    return f"; {text}" if text else ""


def in_words(seconds: float) -> str:
    """A time for people: "10 minutes", "90 seconds"."""
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:.0f} minutes"
    return "1 second" if seconds == 1 else f"{seconds:g} seconds"
