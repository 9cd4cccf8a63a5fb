"""The first values of a list -> advice if they are web addresses without http(s)://."""

from __future__ import annotations

import re
from collections.abc import Sequence

BARE_HOST = re.compile(
    r"\s*(?://)?(?:[^\s/:@?#.,;|\"']+\.)+[^\W\d_][^\s/:@?#.,;|\"']+(?::\d+)?(?:/[^\t]*)?",
)
"""`//` or nothing, a name with a dot in it that ends in a letter, and a path, if any."""


def describe_missing_schemes(urls: Sequence[str]) -> str | None:
    """Give advice if every one of `urls` is a host and a path without a scheme; else None."""
    if not urls or not all(map(BARE_HOST.fullmatch, urls)):
        return None
    if not any("/" in url.strip().removeprefix("//") for url in urls):
        return None  # more likely names of files
    first = urls[0].strip()
    return (
        f"its URLs have no scheme ({first!r:.80}): write https://{first.removeprefix('//'):.60} "
        "and so on, or http:// where the servers have no TLS"
    )
