"""A redirect's Location header -> the URL to ask for next, as a browser would read it."""

from __future__ import annotations

import re

from ada_url import join_url

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.http.urls import MAX_URL_CHARACTERS, make_sendable

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
"""Statuses whose Location counts."""

USERINFO = re.compile(r"^(https?://)([^/?#]*@)([^/?#]*/)")
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
WHITE = b"".join(bytes([code]) for code in range(0x21))
"""What URLs are stripped of: controls and space."""


def resolve_redirect(base: str, location: bytes) -> str:
    """Return the URL that a Location header means in an answer from `base`.

    The user name and password of `base` are kept for its own origin only, those in `location`
    always.  Raises RowError if it is not one we may ask for.
    """
    if len(location) > 3 * MAX_URL_CHARACTERS or not location.strip(WHITE):
        raise RowError(Reason.BAD_REDIRECT)
    try:
        url = make_sendable(join_url(USERINFO.sub(r"\1\3", base), _text(location)))
    except (ValueError, RowError):
        raise RowError(Reason.BAD_REDIRECT) from None
    known = USERINFO.match(base)
    if known is not None and url.startswith(known[1] + known[3]):
        return known[1] + known[2] + url.removeprefix(known[1])
    return url


def _text(location: bytes) -> str:
    """UTF-8 if it is; else the server means bytes of its own, which go back to it as they are."""
    try:
        return location.decode("utf-8")
    except UnicodeDecodeError:
        return BEYOND_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], location).decode("ascii")
