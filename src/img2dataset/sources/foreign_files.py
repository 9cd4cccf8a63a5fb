"""The first bytes of a file -> what it is if no input_format reads it, and what to do."""

from __future__ import annotations

import re

ONE_IMAGE = ": a list has the URL of an image in each line"


SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs.github.com/spec/",
     "is a Git LFS pointer, not the file itself: fetch it with  git lfs pull"),
    (b"PK\x03\x04", "is a zip archive: unzip it, and give the files in it"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it, and give the files in it"),
    (b"Rar!", "is a RAR archive: unpack it, and give the files in it"),
    (b"\x04\x22\x4d\x18", "is compressed by LZ4: unpack it with  lz4 -d  or use gzip"),
    (b"ARROW1", "is an Arrow (Feather) file: write it as Parquet"),
    (b"FEA1", "is a Feather file: write it as Parquet"),
    (b"PARE", "is an encrypted Parquet file: write it without encryption"),
    (b"ORC", "is an ORC file: write it as Parquet"),
    (b"Obj\x01", "is an Avro file: write it as Parquet"),
    (b"SQLite format 3\x00", "is an SQLite database: write its table as csv or Parquet"),
    (b"\x89HDF", "is an HDF5 file: write it as Parquet"),
    (b"\x93NUMPY", "is a NumPy file: write it as Parquet"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel file: write it as csv"),
    (b"%PDF-", "is a PDF file, not a list"),
    (b"\xff\xd8\xff", "is a JPEG image, not a list" + ONE_IMAGE),
    (b"\x89PNG", "is a PNG image, not a list" + ONE_IMAGE),
    (b"GIF8", "is a GIF image, not a list" + ONE_IMAGE),
)  # fmt: skip
"""First bytes of a file -> the message."""


TAR_MAGIC = slice(257, 262)


PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html|<head|<\?xml|<error>)", re.IGNORECASE
)


def describe_foreign(head: bytes) -> str | None:
    """Describe a file that no input_format reads; None if it may be a list."""
    for start, text in SIGNATURES:
        if head.startswith(start):
            return text
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return f"is a WebP image, not a list{ONE_IMAGE}"
    if head[TAR_MAGIC] == b"ustar":
        return "is a tar archive: unpack it, and give the files in it"
    if PAGE.match(head):
        return (
            "is an HTML or XML page, not a list: the download link may have led to a web page, "
            "a log-in or an error; download the file itself"
        )
    return None


def describe_bad_parquet(head: bytes, size: int | None) -> str:
    """Describe a file that does not begin and end as Parquet does."""
    if not head or size == 0:
        return "is empty (0 bytes), not a Parquet file: download it again"
    if head.startswith(b"PAR1"):
        return "is cut off: it begins as a Parquet file, but its end is missing; download it again"
    return f"is malformed: not a Parquet file, but one that begins with {head[:20]!r}"
