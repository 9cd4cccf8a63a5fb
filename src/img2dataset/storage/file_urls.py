"""A URL of a local file <-> its path."""

from __future__ import annotations

import os
from urllib.parse import quote_from_bytes, unquote_to_bytes

FILE_SCHEMES = ("file", "local")
BEFORE_PATHS = "file://"
LOCAL_HOST = "localhost/"


def make_file_url(path: str) -> str:
    """Return the URL of an absolute path: the path as it is, as fsspec writes it.

    A name that is not UTF-8 has percent escapes, see `list_paths`.
    """
    slashed = path.replace(os.sep, "/")
    if not slashed.startswith("/"):  # a drive of Windows
        slashed = f"/{slashed}"
    try:
        slashed.encode()
    except UnicodeEncodeError:
        slashed = quote_from_bytes(os.fsencode(slashed))
    return BEFORE_PATHS + slashed


def list_paths(url: str) -> list[str]:
    """List the paths that a URL of a file may mean; none if it means none.

    The first is what it says letter by letter, as fsspec reads it; programs that follow RFC 8089
    (`Path.as_uri()`) write percent escapes, so that the second is with these undone.
    """
    rest = url.partition("://")[2]
    path = rest.removeprefix(LOCAL_HOST.rstrip("/")) if rest.startswith(LOCAL_HOST) else rest
    if not path.startswith("/") or "\0" in path:
        return []
    paths = [path]
    if "%" in path:
        undone = os.fsdecode(unquote_to_bytes(path))
        paths += [undone] if "\0" not in undone and undone != path else []
    if os.name == "nt":
        return [each.removeprefix("/") for each in paths]
    return paths
