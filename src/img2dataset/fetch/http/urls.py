"""A URL as the list has it -> the URL as a browser would send it (WHATWG, through Ada)."""

from __future__ import annotations

import re

from ada_url import normalize_url

from img2dataset.errors import Reason, RowError

DEFAULT_PORTS = {"http": 80, "https": 443}

MAX_URL_CHARACTERS = 64 * 1024
"""Characters; what is longer is not a URL, it is a mistake in the list."""

LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def make_sendable(url: str | None) -> str:
    """Return `url` in ASCII, percent-encoded, its host in Punycode, without a fragment.

    Raises RowError if it is none, or not one we may ask for.
    """
    url = url.strip() if url is not None else ""
    if not url:
        raise RowError(Reason.URL_MISSING)
    if len(url) > MAX_URL_CHARACTERS:
        raise RowError(Reason.URL_INVALID)
    try:
        normal: str = normalize_url(url if url.isascii() else LONE_SURROGATES.sub("\ufffd", url))
    except ValueError:
        raise RowError(Reason.URL_INVALID) from None
    if not normal.startswith(("http://", "https://")):
        raise RowError(Reason.SCHEME_NOT_ALLOWED)
    if len(normal) > 3 * MAX_URL_CHARACTERS:  # every character may have become three
        raise RowError(Reason.URL_INVALID)
    return normal.partition("#")[0]


def bare_name(host: str) -> str:
    """Return a host name in lower case, without the dot that may end it."""
    return host.lower().removesuffix(".")
