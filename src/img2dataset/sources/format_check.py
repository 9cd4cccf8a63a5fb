"""A file that is read as txt -> whether it looks like a list of another format.

txt is the default: without `input_format` every line of a table is taken for a URL.  (The old tool
stopped at the first comma, so no old script uses a list like that.)
A file that is named like a table but holds only URLs is a valid txt list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from img2dataset.sources.compression import Compression
from img2dataset.sources.line_blocks import BOM
from img2dataset.sources.missing_header import guess_names

SEPARATORS = {"csv": ",", "tsv": "\t"}


NAMES = ("csv", "tsv", "json", "jsonl", "parquet")


WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


CAPTIONED = re.compile(
    r"https?://\S+\.(?:jpe?g|png|gif|webp|bmp|tiff?|avif)(?:\?\S*)?\s+\S.*(?<!\.jpg)(?<!\.jpeg)"
    r"(?<!\.png)(?<!\.gif)(?<!\.webp)",
    re.IGNORECASE,
)
"""A URL of an image, blanks, and text that is not the rest of a URL with blanks in it."""


OTHER_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s]*/", re.IGNORECASE)


MAX_LINES = 1000
"""To check."""


@dataclass(frozen=True, slots=True)
class FormatMismatch:
    """A file may have another format than input_format says."""

    input_format: str
    """The format that it seems to have."""
    why: str
    certain: bool
    """True if the file certainly is not a URL list: then it is refused, else read with a notice."""

    def about(self, url: str) -> str:
        """Describe the mismatch for the user."""
        return (
            f"{url}: input_format is 'txt', one URL a line, but {self.why}; "
            f"if it is a {self.input_format} file, use input_format={self.input_format}"
        )


def check_format(  # noqa: PLR0911  (one for each kind of file)
    url: str, head: bytes, *, compression: Compression | None = None
) -> FormatMismatch | None:
    """Check a txt file by its name and beginning, unpacked; None if it looks like a list of URLs."""
    lines = split_lines(head)
    ending = "" if compression is None else f".{compression.value}"
    named = guess_format_by_name(url)
    other = named or guess_format_by_lines(lines)
    if not lines:
        return None
    table = detect_table(lines)
    if table is not None:
        return replace(table, input_format=table.input_format + ending)
    if other is None:
        return None
    suffix = ending if other != "parquet" else ""
    others = sum(not is_url(line) for line in lines[1:])  # the first may name the only column
    if not any(map(is_url, lines)):
        return FormatMismatch(other + suffix, "not one line at its start is a URL", certain=True)
    separator = SEPARATORS.get(other)
    in_columns = separator is not None and all(separator in line for line in lines)
    if in_columns and not is_url(lines[0]):
        why = f"its first line reads like the names of columns ({lines[0]:.60})"
        return FormatMismatch(other + suffix, why, certain=named is not None or separator == "\t")
    if in_columns:
        return FormatMismatch(
            other + suffix, f"every line at its start has {separator!r} in it", certain=False
        )
    if others:
        return FormatMismatch(
            other + suffix, f"of the lines at its start {others:,} are no URLs", certain=False
        )
    return None


def detect_table(lines: list[str]) -> FormatMismatch | None:
    """Detect lines that hold a URL and something else."""
    tabs = sum("\t" in line for line in lines)
    if any("\t" in line and WEB_ADDRESS.search(line) for line in lines) and tabs * 2 > len(lines):
        if not any(is_url(cell) for cell in lines[0].split("\t")):
            return None  # it has names of columns
        why = (
            "its lines have tabs, and none has the names of the columns: give them, as by  "
            f"--columns={guess_names(lines[0].split(SEPARATORS['tsv']))}"
        )
        return FormatMismatch("tsv", why, certain=True)
    if sum(CAPTIONED.fullmatch(line) is not None for line in lines) * 2 > len(lines):
        why = (
            f"its lines have more than a URL ({lines[0]!r:.60}): put a tab between URL and "
            "caption, and a line of names (url, caption) before all"
        )
        return FormatMismatch("tsv", why, certain=True)
    return None


def split_lines(head: bytes) -> list[str]:
    """Split into lines that are not blank, without the last if there are more: it may be cut off."""
    lines = head.removeprefix(BOM).decode(errors="replace").split("\n")[:MAX_LINES]
    whole = lines[:-1] if len(lines) > 1 else lines
    return [line.strip() for line in whole if line.strip()]


def is_url(line: str) -> bool:
    return line.lower().startswith(("http:", "https:")) or OTHER_URL.match(line) is not None


def guess_format_by_name(url: str) -> str | None:
    """Guess the format of a file, other than txt, by its name."""
    name = url.lower().partition("?")[0]
    for kind in Compression:
        name = name.removesuffix(f".{kind.value}")
    ending = name.rpartition(".")[2]
    return ending if ending in NAMES else None


def guess_format_by_lines(lines: list[str]) -> str | None:
    """Guess the format by the first line, unless that is a URL."""
    first = lines[0] if lines else ""
    if is_url(first):
        return None
    if first.startswith("{"):
        return "jsonl"
    if first.startswith("["):
        return "json"
    return next((name for name in ("tsv", "csv") if SEPARATORS[name] in first), None)
