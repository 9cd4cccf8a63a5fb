"""What `stream` is asked for -> checked, with the options about storing refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from img2dataset.errors import OptionError
from img2dataset.formats import check_options
from img2dataset.options import Options
from img2dataset.options.checks import make_plain

LOCAL = "multiprocessing"
Failures = Literal["skip", "yield"]
FAILURES = ("skip", "yield")
PREFETCH_BYTES = 256_000_000
MIN_PREFETCH_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """The options of a stream, all of them allowed."""

    options: Options
    failures: Failures
    ordered: bool
    prefetch_bytes: int
    """Of images that wait for the consumer, here and in the workers."""

    @property
    def yields_failures(self) -> bool:
        return self.failures == "yield"


def list_stream_options() -> list[str]:
    """List the options of `download` that `stream` takes."""
    return [declared.name for declared in fields(Options) if not declared.metadata["stores"]]


def make_request(
    url_list: Any,
    given: Mapping[str, Any],
    *,
    failures: Any = "skip",
    ordered: Any = False,
    prefetch_bytes: Any = PREFETCH_BYTES,
) -> StreamRequest:
    """Check the arguments of `stream`.

    Raises:
        OptionError: one is not allowed; the message names it.
    """
    refuse_storing(given)
    if failures not in FAILURES:
        raise OptionError(f"failures is {failures!r}: it must be one of {', '.join(FAILURES)}")
    ordered, prefetch_bytes = make_plain(ordered, "bool"), make_plain(prefetch_bytes, "int")
    if not isinstance(ordered, bool):
        raise OptionError(f"ordered is {ordered!r}: it must be True or False")
    is_number = isinstance(prefetch_bytes, int) and not isinstance(prefetch_bytes, bool)
    if not is_number or prefetch_bytes < MIN_PREFETCH_BYTES:
        raise OptionError(
            f"prefetch_bytes is {prefetch_bytes!r}: it must be an int of {MIN_PREFETCH_BYTES} or more"
        )
    options = Options(url_list, **{**given, "output_format": "files", "distributor": LOCAL})
    check_options(options)
    return StreamRequest(options, failures, ordered, prefetch_bytes)


def refuse_storing(given: Mapping[str, Any]) -> None:
    """Refuse the options about what is stored, and where; the local distributor is no harm.

    Raises:
        OptionError: one is given.
    """
    storing = {each.name for each in fields(Options) if each.metadata["stores"]}
    refused = [
        name
        for name in given
        if name in storing and not (name == "distributor" and given[name] == LOCAL)
    ]
    if refused:
        what = "option" if len(refused) == 1 else "options"
        raise OptionError(
            f"stream() stores nothing and runs on this machine: it does not take the {what} "
            f"{', '.join(refused)}"
        )
