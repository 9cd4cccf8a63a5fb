"""A cluster's library -> workers that are known to have img2dataset: how Spark and Ray begin."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, TypeVar

from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.version import VERSION


class Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


def close_at_end(distributor: str, workers: C) -> AbstractContextManager[C]:
    """Check that the library is installed, and close `workers` when the block ends.

    A distributor has the name of its library and of the extra that installs it.  Nothing is
    started before the list is known to be good: Spark and Ray take seconds.
    """
    if find_spec(distributor) is None:
        raise MissingExtraError(f"distributor={distributor}", distributor, distributor)
    return closing(workers)


def check_workers(
    distributor: str, page: str, ask: Callable[[], str], engine_errors: tuple[type[Exception], ...]
) -> None:
    """Check that a worker runs this version; `ask` calls `import_worker` where workers run."""
    try:
        version = ask()
    except engine_errors as error:
        raise OptionError(
            f"distributor is {distributor!r}: its workers cannot run img2dataset: "
            f"{shorten_error(error)}; see {page} for how to give them what they need"
        ) from error
    check_version(version)


def share_cores(workers: int) -> int:
    """Divide the cores of this machine among `workers`."""
    return max(1, (os.cpu_count() or 1) // workers)


def import_worker(entry: str) -> str:
    """Import what a worker needs, to see that it is there; return the version of img2dataset."""
    import_module(entry.partition(":")[0])
    return VERSION


def check_version(version: str) -> None:
    if version != VERSION:
        raise OptionError(
            f"the cluster's workers have img2dataset {version}, and this is {VERSION}: "
            "install the same version everywhere"
        )


def shorten_error(error: BaseException) -> str:
    """The first line of an engine's error, which may be pages of traces, and the last line that
    names a Python error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    causes = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b: ", line)]
    cause = f" ({causes[-1][:300]})" if causes and causes[-1] != lines[0] else ""
    return f"{lines[0][:300]}{cause}"
