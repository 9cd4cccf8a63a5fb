"""A URL of a file or folder -> what is wrong with its scheme, in words for a person."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "hdfs", "hf", "http", "https", "sftp")
"""Common schemes; fsspec knows more."""
PACKAGES = {
    "http": "aiohttp requests",
    "https": "aiohttp requests",
    "hf": "huggingface_hub",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
}
"""Scheme -> packages it needs, where no extra of ours has them."""
HADOOP = "the libraries of Java and Hadoop: set JAVA_HOME, HADOOP_HOME and CLASSPATH"
SINGLE_SLASH = re.compile(r"([A-Za-z0-9]+):/(?!/)(.*)")


def scheme_of(url: str) -> str:
    """Return what is before "://"; empty without it."""
    scheme, separator, _ = url.partition("://")
    return scheme if separator else ""


def single_slash(url: str) -> str | None:
    """Say how to write a store's URL that has one slash too few; None for all others."""
    found = SINGLE_SLASH.fullmatch(url)
    if found is None or found[1].lower() not in STORES or os.path.lexists(url):
        return None
    return f"it has one slash after {found[1]}:, write {found[1].lower()}://{found[2]}"


def unknown_scheme(url: str, known: Iterable[str]) -> str | None:
    """Suggest what to write for an unknown scheme; None if it is known, or there is none."""
    scheme = scheme_of(url)
    known = set(known) | set(STORES)
    if not scheme.isalnum() or scheme in known:
        return None
    from difflib import get_close_matches  # noqa: PLC0415  (for the message of an error)

    # people mean the stores they use: of all that fsspec knows the nearest may be an odd one
    for candidates in (STORES, sorted(known)):
        close = get_close_matches(
            scheme.lower(), candidates, n=1, cutoff=0.5 if len(scheme) < 3 else 0.6
        )
        if close:
            return f"{scheme}:// is no known scheme: did you mean {close[0]}://?"
    return f"{scheme}:// is no known scheme; those of most lists are {', '.join(STORES)}"


def missing_library(url: str, named: str | None) -> str:
    """Say what to install for a URL whose file system's library, perhaps `named`, is missing."""
    scheme = scheme_of(url)
    if scheme == "hdfs":
        return f"{scheme}:// needs {HADOOP}"
    packages = PACKAGES.get(scheme) or named
    advice = f": install with  pip install {packages}" if packages else ""
    return f"{scheme}:// needs a library that is missing{advice}"


def with_home(path: str) -> str:
    """Return `path` with the home folder for a leading ~, unless there is something of that name."""
    if not path.startswith("~") or os.path.lexists(re.split(r"[/\\]", path)[0]):
        return path
    return os.path.expanduser(path)  # noqa: PTH111  (a Path raises for an unknown user)
