"""The registry of output formats: a line for each."""

from __future__ import annotations

from img2dataset.choice import Choice


class OutputFormat(Choice):
    """How samples are stored.  The format "x" is declared in the module `img2dataset.formats.x`."""

    FILES = "files"
    WEBDATASET = "webdataset", "tar"
    PARQUET = "parquet"
    TFRECORD = "tfrecord"
    MDS = "mds", "for MosaicML Streaming"
    DUMMY = "dummy", "download and resize, store nothing"


NAMES = OutputFormat.names()
WITHOUT_ROWS = frozenset({OutputFormat.DUMMY.value})
"""Formats that store no rows; here, since to ask the module of a format means to import it."""


def describe_formats() -> str:
    """The formats as --help lists them."""
    *others, last = (
        f"{each.value} ({each.hint})" if each.hint else each.value for each in OutputFormat
    )
    return f"{', '.join(others)}, or {last}"
