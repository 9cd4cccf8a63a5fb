"""hf://datasets/OWNER/NAME -> the repository, revision and folder that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from img2dataset.errors import OptionError

URL = re.compile(
    r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[^/@]+))?(?:/(?P<folder>.*?))?/*"
)
FORM = "hf://datasets/OWNER/NAME, with @REVISION or /FOLDER behind it if you like"
BUCKET = "hf://buckets/"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a dataset goes."""

    repo: str
    """OWNER/NAME"""
    revision: str | None = None
    """A branch; None = main."""
    folder: str | None = None
    """A folder in the repository; None = its root."""


def parse_target(url: str) -> Target:
    """Parse the URL of a dataset repository.

    Raises:
        OptionError: it is none.
    """
    found = URL.fullmatch(url)
    if found:
        return Target(found["repo"], found["revision"], found["folder"] or None)
    if url.startswith(BUCKET):
        raise OptionError(
            f"push: {url!r} is a bucket, which can be the output itself: run with "
            f"--output_folder={url}"
        )
    short = re.fullmatch(r"(?:hf://)?(?:datasets/)?([\w.-]+/[\w.-]+)", url)
    hint = f"; did you mean hf://datasets/{short[1]}?" if short else ""
    raise OptionError(f"push: {url!r} is no dataset repository: write {FORM}{hint}")
