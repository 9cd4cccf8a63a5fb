"""Turn a list of image URLs into an image dataset: `download(url_list, ...)`."""

from __future__ import annotations

from img2dataset._download import download
from img2dataset.api import verify
from img2dataset.errors import (
    DamagedError,
    Img2datasetError,
    MissingExtraError,
    OptionError,
    Reason,
    RunError,
    SourceError,
)
from img2dataset.report import Progress, Report
from img2dataset.reports import Reporter
from img2dataset.tally import ShardResult, Tally
from img2dataset.verification.checked import Verification
from img2dataset.version import VERSION as __version__  # noqa: N811  (the usual name)

__all__ = [
    "DamagedError",
    "Img2datasetError",
    "MissingExtraError",
    "OptionError",
    "Progress",
    "Reason",
    "Report",
    "Reporter",
    "RunError",
    "ShardResult",
    "SourceError",
    "Tally",
    "Verification",
    "__version__",
    "download",
    "verify",
]
