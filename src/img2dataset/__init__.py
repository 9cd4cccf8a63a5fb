"""Turn a list of image URLs into an image dataset, `download(url_list, ...)`, or into samples as
they arrive, `stream(url_list, ...)`.

Every process of a run imports this page, and few need what it offers: each name is imported when
it is first used.
"""

from __future__ import annotations

from importlib import import_module

from img2dataset.version import VERSION as __version__  # noqa: N811  (the usual name)

# as in typing, which would be half of what is imported before Ctrl-C is handled
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from img2dataset._download import download
    from img2dataset._stream import astream, stream
    from img2dataset.api import card, estimate, index, inspect, push, verify, write_report
    from img2dataset.errors import (
        DamagedError,
        Img2datasetError,
        MissingExtraError,
        OptionError,
        Reason,
        RunError,
        SourceError,
    )
    from img2dataset.estimation.findings import Estimate
    from img2dataset.insight.findings import Findings
    from img2dataset.publishing.indexed import Indexed
    from img2dataset.report import Progress, Report
    from img2dataset.reports import Reporter
    from img2dataset.streaming.asynchronous import AsyncStream
    from img2dataset.streaming.sample import StreamSample
    from img2dataset.streaming.stream import Stream
    from img2dataset.tally import ShardResult, Tally
    from img2dataset.verification.checked import Verification

__all__ = [
    "AsyncStream",
    "DamagedError",
    "Estimate",
    "Findings",
    "Img2datasetError",
    "Indexed",
    "MissingExtraError",
    "OptionError",
    "Progress",
    "Reason",
    "Report",
    "Reporter",
    "RunError",
    "ShardResult",
    "SourceError",
    "Stream",
    "StreamSample",
    "Tally",
    "Verification",
    "__version__",
    "astream",
    "card",
    "download",
    "estimate",
    "index",
    "inspect",
    "push",
    "stream",
    "verify",
    "write_report",
]

_HOMES = {
    "_download": ("download",),
    "_stream": ("astream", "stream"),
    "api": ("card", "estimate", "index", "inspect", "push", "verify", "write_report"),
    "errors": (
        "DamagedError",
        "Img2datasetError",
        "MissingExtraError",
        "OptionError",
        "Reason",
        "RunError",
        "SourceError",
    ),
    "publishing.indexed": ("Indexed",),
    "estimation.findings": ("Estimate",),
    "insight.findings": ("Findings",),
    "report": ("Progress", "Report"),
    "reports": ("Reporter",),
    "streaming.asynchronous": ("AsyncStream",),
    "streaming.sample": ("StreamSample",),
    "streaming.stream": ("Stream",),
    "tally": ("ShardResult", "Tally"),
    "verification.checked": ("Verification",),
}
"""Module -> the names that are imported from it; the type checker reads the imports above."""


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            found = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
