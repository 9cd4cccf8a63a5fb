"""The URL of a list on a web server -> the options with which fsspec requests it."""

from __future__ import annotations

import os
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
        "client_kwargs": {"requote_redirect_url": False, **authorize(url), **given},
        **({"encoded": True} if is_escaped else {}),
    }


def authorize(url: str) -> dict[str, Any]:
    """Return the headers that show HF_TOKEN to the Hugging Face Hub, and to no other server.

    aiohttp leaves them out where a redirect leads to another host.
    """
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    token = os.environ.get("HF_TOKEN")
    if not token or not url.startswith(f"{hub}/"):
        return {}
    return {"headers": {"Authorization": f"Bearer {token}"}}
