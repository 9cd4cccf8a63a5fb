"""Turn a list of image URLs into an image dataset: `download(url_list, ...)`."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, ParamSpec

from img2dataset.errors import Img2datasetError, OptionError, Reason
from img2dataset.options import Options
from img2dataset.tally import Report
from img2dataset.version import VERSION as __version__  # noqa: N811  (the usual name)

if TYPE_CHECKING:
    from img2dataset.verification.main import Verification

__all__ = [
    "Img2datasetError", "OptionError", "Reason", "Report", "__version__", "download", "verify",
]  # fmt: skip

P = ParamSpec("P")


def _with_parameters_of(
    make: Callable[P, Options],
) -> Callable[[Callable[[Options], Report]], Callable[P, Report]]:
    """Give a function of Options the parameters of Options: they are declared once."""

    names = list(signature(make).parameters)

    def decorate(function: Callable[[Options], Report]) -> Callable[P, Report]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Report:
            for name in kwargs:
                if name not in names:
                    near = get_close_matches(name, names, n=1)
                    hint = f"; did you mean {near[0]}?" if near else ""
                    raise TypeError(f"download() has no parameter {name!r}{hint}")
            return function(make(*args, **kwargs))

        call.__signature__ = signature(make).replace(  # type: ignore[attr-defined]
            return_annotation=Report
        )
        return call

    return decorate


@_with_parameters_of(Options)
def download(options: Options) -> Report:
    """Download the images of a list and store them as a dataset.

    The parameters are those of the command line, by the same names and in the same order;
    docs/options.md describes each.  Works in a plain script (no main guard needed), in a
    notebook cell and in any thread; when it returns, nothing is left running.

    Returns:
        What was done: counts of rows, reasons of failures, seconds, shards not done.

    Raises:
        OptionError: an option, or the list, column or folder it names, cannot be used
            (a ValueError); nothing was done.
        RunError: workers do not start, or the output cannot be written.
        SourceError: the list became unreadable under way.  The same call goes on later.
        KeyboardInterrupt: Ctrl-C; shards that are done stay, the same call goes on later.
    """
    from img2dataset.run.main import run  # noqa: PLC0415  (heavy: not for --help)

    return run(options)


def verify(
    output_folder: str, *, deep: bool = False, repair: bool = False, allow_gaps: bool = False
) -> Verification:
    """Check that a stored dataset is whole; see docs/verify.md.

    `deep` decodes every image, too; `repair` removes the shards that are not whole, so that the
    next run makes them anew; `allow_gaps` is for a part of a dataset whose rest is elsewhere.

    Returns:
        What was looked at, and what is wrong with which shard.

    Raises:
        OptionError: there is no dataset; or, with `repair`, a run is writing it.
        RunError: something cannot be read, which is no reason to call it broken.
    """
    from img2dataset.verification.main import verify_folder  # noqa: PLC0415  (heavy, as above)

    return verify_folder(
        output_folder, deep=deep, repair=repair, allow_gaps=allow_gaps, say=lambda _: None
    )
