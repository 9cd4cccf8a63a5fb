"""The URL of a list on a web server -> the options with which fsspec requests it."""

from __future__ import annotations

from typing import Any


def web_options(url: str) -> dict[str, Any]:
    """Return the options; none for other URLs.

    Percent escapes go out as they came, in the URL and in redirects: what is signed there
    (`Key-Pair-Id`, `X-Amz-Signature`) holds for these very letters.
    """
    protocol = url.partition("://")[0].lower()
    if protocol not in ("http", "https"):
        return {}
    from fsspec.config import conf  # noqa: PLC0415  (see storage/local_fs.py)

    # what users have in ~/.config/fsspec stays
    given = conf.get(protocol, {}).get("client_kwargs", {})
    is_escaped = "%" in url and url.isascii() and " " not in url
    return {
        "client_kwargs": {"requote_redirect_url": False, **given},
        **({"encoded": True} if is_escaped else {}),
    }
