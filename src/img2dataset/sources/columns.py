"""The options -> the columns of the normalised table; a file without one of them is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from img2dataset.errors import OptionError
from img2dataset.options import list_template_columns
from img2dataset.options.columns import ALL_CAPTIONS, DOCUMENT_INDEX, URL_POSITION
from img2dataset.options.where import list_names
from img2dataset.records import CAPTION, URL
from img2dataset.sources.config import NESTED_FORMATS, BadListError, SourceConfig
from img2dataset.sources.missing_header import suggest_header
from img2dataset.sources.partitions import parse_partitions
from img2dataset.sources.paths import EVERY, is_path, parse_path
from img2dataset.sources.separators import suggest_separator
from img2dataset.text import plural


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the normalised table."""

    name: str
    """Its name in the metadata."""
    source: str
    """Its name in the list."""
    option: str
    """The option that asks for it."""
    is_text: bool
    """Whether it is converted to text; else it keeps its type."""


PLACE = "_place:"
"""Before the names of what rows of documents get, whose documents may have keys of these names."""


def list_columns(config: SourceConfig) -> tuple[Column, ...]:
    """List the columns of the normalised table, in their order."""
    columns = [
        Column(name, config.name_in_files(name), "bbox_col" if name == config.bbox_col else "save_additional_columns",
               is_text=False)
        for name in config.additional_columns
    ]  # fmt: skip
    if config.expands:
        columns += [
            Column(name, PLACE + name, "url_col", is_text=False)
            for name in (DOCUMENT_INDEX, URL_POSITION)
        ]
    if config.duplicate_captions == "all":
        columns.append(Column(ALL_CAPTIONS, ALL_CAPTIONS, "duplicate_captions", is_text=False))
    if config.caption_col is not None:
        columns.append(
            Column(CAPTION, config.name_in_files(config.caption_col), "caption_col", is_text=True)
        )
    if config.verify_hash is not None:
        source, hash_type = config.verify_hash
        columns.append(Column(hash_type, config.name_in_files(source), "verify_hash", is_text=True))
    columns.append(Column(URL, config.url_source, "url_col", is_text=True))
    return tuple(columns)


MADE_OF = "_made_of:"
CONDITION_ON = "_condition_on:"
"""Before the name of a column that is read for a template or a condition, and is not stored."""


def list_read_columns(config: SourceConfig) -> tuple[Column, ...]:
    """List the columns to read from the files: those to store, but for the ones that are made, and
    those that these are made of."""
    columns = [each for each in list_columns(config) if each.option != "duplicate_captions"]
    if config.url_template is not None:
        columns.pop()
        columns += [
            Column(MADE_OF + name, config.name_in_files(name), "url_template", is_text=True)
            for name in list_template_columns(config.url_template)
        ]
    if config.condition is not None:
        columns += [
            Column(CONDITION_ON + name, config.name_in_files(name), "where", is_text=False)
            for name in list_names(config.condition)
        ]
    return tuple(columns)


TEXTS_WITH_NAMES = ("url_template", "where")
"""Options that name columns inside a text."""
MAX_SHOWN_COLUMNS = 50
"""In an error message."""


def suggest_column(name: str, there: list[str]) -> str:
    """Name the column that was probably meant; empty if none is similar."""
    from difflib import get_close_matches  # noqa: PLC0415  (for the message of an error)

    by_folded = {one.strip().casefold(): one for one in there}
    close = get_close_matches(name.strip().casefold(), by_folded, n=1, cutoff=0.66)
    return f"; did you mean {by_folded[close[0]]!r}?" if close else ""


def suggest_path(name: str, paths: Iterable[str]) -> str:
    """Name the first path to a value of this name inside a column; empty if there is none."""
    found = next(
        (path for path in paths if path != name and parse_path(path)[-1:] == (name,)), None
    )
    return f"; did you mean {found!r}?" if found else ""


def check_paths(config: SourceConfig) -> None:
    """Refuse a column of which a row would have several values.

    Raises:
        OptionError: it goes into a list that url_col does not go into.
    """
    if config.base_format not in NESTED_FORMATS:
        return  # a name with [*] is a name
    for column in list_read_columns(config):
        if config.reaches(column.source):
            continue
        verb = "is" if column.option not in TEXTS_WITH_NAMES else "has the column"
        whole = column.source.removesuffix(EVERY)
        advice = f"; {whole!r} is the whole list" if config.reaches(whole) else ""
        raise OptionError(
            f"{column.option} {verb} {column.source!r}: a column may go into the elements of a list "
            f"only if url_col does, which is {config.url_col!r}{advice}"
        )


def check_columns(
    there: list[str],
    config: SourceConfig,
    url: str,
    list_paths: Callable[[], Iterable[str]] = tuple,
) -> None:
    """Refuse a file that lacks a wanted column, or has it twice.

    `list_paths` lists the paths into its columns, for the message.
    """
    check_renames(there, config, url)
    for column in list_read_columns(config):
        if column.source in (PLACE + DOCUMENT_INDEX, PLACE + URL_POSITION):
            continue  # made as the rows are
        count = there.count(column.source)
        if count == 1 or (count == 0 and column.source in parse_partitions(url)):
            continue
        shown, more = show_columns(there)
        can_be_meant = config.reaches if column.option != "url_col" else is_path
        if count == 0:
            more += (
                config.columns is None and suggest_header(there, config.url_col, config.caption_col)
            ) or (
                suggest_separator(there, config.input_format)
                or suggest_path(column.source, filter(can_be_meant, list_paths()))
                or suggest_column(column.source, there)
            )
        what = "has no such column" if count == 0 else f"has {count} columns of that name"
        verb = "is" if column.option not in TEXTS_WITH_NAMES else "has the column"
        raise BadListError(
            f"{column.option} {verb} {column.source!r}: {url} {what}; its columns are {shown}{more}"
        )


def show_columns(there: Sequence[str]) -> tuple[str, str]:
    """Write the names for a message, and how many more there are."""
    shown = ", ".join(repr(name[:100]) for name in there[:MAX_SHOWN_COLUMNS])
    count = len(there) - MAX_SHOWN_COLUMNS
    return shown or "none", f" and {count} more" if count > 0 else ""


def check_renames(there: list[str], config: SourceConfig, url: str) -> None:
    """Refuse a file that lacks a column which is to be renamed, or has one of the new name."""
    olds = {old for old, _ in config.renames}
    for old, new in config.renames:
        shown, more = show_columns(there)
        if old not in there and old not in parse_partitions(url):
            raise BadListError(
                f"rename_columns has {f'{old}={new}'!r}: {url} has no column {old!r}; its columns "
                f"are {shown}{more}{suggest_column(old, there)}"
            )
        if new in there and new not in olds:
            raise BadListError(
                f"rename_columns has {f'{old}={new}'!r}, but {url} has a column {new!r} already: "
                "rename that one too, or use another name"
            )


def check_given_columns(first: Sequence[str], columns: Sequence[str], url: str) -> None:
    """Refuse a file whose first row does not fit the names that `columns` gives, or has them."""
    named = f"columns is {','.join(columns)[:200]!r}"
    if len(first) != len(columns):
        row = ", ".join(repr(cell[:50]) for cell in first[:MAX_SHOWN_COLUMNS])
        raise BadListError(
            f"{named}, {plural(len(columns), 'name')}, but the first row of {url} has "
            f"{plural(len(first), 'cell')}: {row}"
        )
    if [cell.strip().casefold() for cell in first] == [name.casefold() for name in columns]:
        raise BadListError(
            f"{named}, but {url} has a header with these names: leave columns out, which is for "
            "files without one"
        )
