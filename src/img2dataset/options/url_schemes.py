"""The schemes of URLs in a list: which may be allowed at all, and why the others may not.

A list comes from elsewhere.  What a scheme lets it do is judged by these rules:

* It names an object of a store whose server the list cannot choose (`s3`, `gs`, `hf`, ...; the user's
  configuration does), or a file: it may be allowed.
* Its URLs name the server that is asked (`sftp`, `hdfs`, ...): fsspec would ask addresses that
  `private_addresses` refuses, so it may be allowed only where that option allows all of them.
* It leads to what another URL names, or unpacks it (`zip`, `reference`, `simplecache`, ...), or to the
  files of another program: never.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

WEB_SCHEMES = ("http", "https")
"""Fetched by `fetch/http`, with all its rules."""

SCHEMES_OF_SERVERS = frozenset(
    {
        "arrow_hdfs", "ftp", "ftps", "hdfs", "root", "sftp", "smb", "ssh", "webdav",
        "webhdfs",
    }
)  # fmt: skip

NEVER_ALLOWED = frozenset(
    {
        # another URL, or what is packed in it
        "async_wrapper", "asyncwrapper", "blockcache", "cached", "dir", "filecache", "generic",
        "libarchive", "reference", "simplecache", "tar", "zip",
        # other programs, and what they may read
        "dask", "dvc", "git", "gist", "github", "jlab", "jupyter", "pyscript",
        # local files, of any kind; no store
        "asynclocal", "data",
    }
)  # fmt: skip

NAME = re.compile(r"[a-z][a-z0-9+._-]*")
"""A scheme, in lower case; fsspec has some with an underscore."""


def scheme_names(value: Sequence[str]) -> str | None:
    """The check of url_schemes."""
    if not value or not all(map(NAME.fullmatch, value)):
        return "a list of schemes in lower case, such as http,https,s3,file"
    refused = sorted(NEVER_ALLOWED.intersection(value))
    if refused:
        return (
            f"without {', '.join(refused)}: such a URL leads to other URLs, or to what another "
            "program may read, whatever their addresses are"
        )
    return None


def list_object_schemes(schemes: Sequence[str]) -> tuple[str, ...]:
    """The schemes that fsspec fetches."""
    return tuple(dict.fromkeys(each for each in schemes if each not in WEB_SCHEMES))


def make_refusal_label(schemes: Sequence[str]) -> str:
    """The error string of a scheme that is not allowed: "URL scheme not allowed: http and s3 only"."""
    *others, last = schemes
    return f"URL scheme not allowed: {', '.join(others)}{' and ' if others else ''}{last} only"
