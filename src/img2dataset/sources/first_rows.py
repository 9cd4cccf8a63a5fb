"""Check the first rows of a list: refuse a url_col without URLs and a verify_hash without hashes.

Else every row of the list would fail, in a run of days.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

import orjson
import pyarrow as pa

from img2dataset.errors import OptionError
from img2dataset.records import URL
from img2dataset.sources.bare_hosts import describe_missing_schemes
from img2dataset.sources.config import SourceConfig
from img2dataset.sources.digests import DIGEST_BYTES, guess_digest_type, parse_digest

MAX_ROWS = 100
"""Rows."""
MAX_COLUMNS = 50
SCHEME = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)
Texts = list[str]


class Previewed(Protocol):
    """A source whose first rows can be seen before it is read."""

    def first_rows(self, config: SourceConfig) -> pa.Table:
        """Read some of the first rows, normalised."""

    def column_names(self) -> list[str]:
        """List the columns of the first file."""


def check_first_rows(source: Previewed, config: SourceConfig) -> tuple[str, ...]:
    """Refuse a list whose first rows hold no URLs, or no hashes, where they should.

    Returns what is odd about them.

    Raises:
        OptionError: all of them would fail.
    """
    bare = replace(config, additional_columns=(), bbox_col=None, caption_col=None)
    bare = replace(bare, where=None)
    check_condition(source, config)
    table = source.first_rows(bare)
    urls = read_texts(table, URL)
    notices: tuple[str, ...] = ()
    are_files = "file" in config.url_schemes and any(map(os.path.isabs, urls))
    if config.url_template is not None and not are_files:
        check_made_urls(urls, config.url_template)
    elif not are_files:
        notices = check_urls(
            urls,
            config.url_col,
            lambda name: read_texts(
                source.first_rows(replace(bare, url_col=name, verify_hash=None, renames=())), URL
            ),
            source.column_names,
        )
    if config.verify_hash is not None:
        check_hashes(read_texts(table, config.verify_hash[1]), *config.verify_hash)
    return notices


def check_condition(source: Previewed, config: SourceConfig) -> None:
    """Refuse a condition that compares what cannot be compared."""
    if config.where is not None:
        source.first_rows(replace(config, additional_columns=(), bbox_col=None))


def check_made_urls(urls: Texts, template: str) -> None:
    """Refuse a template that makes no URLs."""
    if not urls or any(map(SCHEME.match, urls)):
        return
    problem = describe_missing_schemes(urls) or f"it makes no URL, but {urls[0]!r:.80}"
    raise OptionError(f"url_template is {template!r}: {problem}")


def read_texts(table: pa.Table, name: str) -> Texts:
    """Read the first texts of a column that are not blank."""
    position = len(table.column_names) - 1 - table.column_names[::-1].index(name)
    texts = table.column(position).slice(0, MAX_ROWS).to_pylist()
    return [text for text in texts if text and not text.isspace()]


def check_urls(
    urls: Texts, url_col: str, read: Callable[[str], Texts], names: Callable[[], Iterable[str]]
) -> tuple[str, ...]:
    """Refuse a column of lists, and one without URLs where another one has them."""
    problem = describe_missing_schemes(urls)
    if not urls or (problem is None and any(map(SCHEME.match, urls))):
        return ()
    if all(map(is_nested, urls)):
        path = f"url_col={url_col}[*]" if urls[0].lstrip()[0] == "[" else f"url_col={url_col}.KEY"
        raise OptionError(
            f"url_col is {url_col!r}: its values are lists or objects, not URLs ({urls[0]:.80}); "
            f"{path} makes a row of each URL in them, of json, jsonl and parquet"
        )
    others = [name for name in list(names())[:MAX_COLUMNS] if name != url_col]
    found = [name for name in others if are_urls(read(name))]
    if found:
        raise OptionError(
            f"url_col is {url_col!r}: none of its first {len(urls)} values is a URL "
            f"({urls[0]!r:.80}), but those of {found[0]!r} are; use url_col={found[0]}, or correct "
            "the names of the columns"
        )
    if problem is not None:
        raise OptionError(f"url_col is {url_col!r}: {problem}")
    notice = (
        f"url_col is {url_col!r}: none of its first {len(urls)} values is a URL, nor are those of "
        f"another column; the first is {urls[0]!r:.80}. If all are like this, every row will fail"
    )
    return (notice,)


def is_nested(text: str) -> bool:
    """True if this is a JSON list or object."""
    if text.lstrip()[:1] not in {"[", "{"}:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def are_urls(texts: Texts) -> bool:
    """True if most are web addresses."""
    web = sum(text.lstrip().lower().startswith(("http:", "https:")) for text in texts)
    return web * 2 > len(texts)


def check_hashes(hashes: Texts, column: str, hash_type: str) -> None:
    """Refuse a column without a single hash of the type."""
    if not hashes or any(parse_digest(text, hash_type) for text in hashes):
        return
    other = guess_digest_type(hashes[0])
    size = DIGEST_BYTES[hash_type]
    wanted = f"{2 * size} hex digits, {(size + 2) // 3 * 4} characters of base64 or {size} bytes"
    raise OptionError(
        f"verify_hash is {[column, hash_type]!r}: none of the first {len(hashes)} values of "
        f"{column!r} is an {hash_type} hash ({wanted}); the first is {hashes[0]!r:.80}"
        + (f", which looks like {other}" if other else "")
    )
