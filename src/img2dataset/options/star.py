"""save_additional_columns=* -> the columns of a list, under names that are free."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from img2dataset.options.columns import FETCH_COLUMNS, OPT_OUT, RESERVED_COLUMNS
from img2dataset.options.list_checks import parse_renames
from img2dataset.options.list_shapes import ListShapeOptions

ALL_COLUMNS = "*"
PREFIX = "list_"
"""Of the columns whose names the metadata needs for something else."""
UNNAMED = "unnamed"
"""The name of a column that has none in the list."""

O = TypeVar("O", bound=ListShapeOptions)  # noqa: E741  (options)


def wants_all_columns(options: ListShapeOptions) -> bool:
    return ALL_COLUMNS in (options.save_additional_columns or ())


def expand_star(options: O, names: Sequence[str], taken: Collection[str]) -> O:
    """Name all columns of a list in save_additional_columns, and rename those with a taken name.

    Args:
        options: with save_additional_columns=*.
        names: the columns of the list.
        taken: names that something else is stored under, as the output format does.
    """
    renames = parse_renames(options.rename_columns or ())
    free_of = {*taken, *find_reserved(options), *renames.values(), *names, ""}
    shown_already = {options.caption_col}
    if options.url_template is None:
        shown_already.add(options.url_col)
    kept = []
    for name in dict.fromkeys(names):
        new = renames.get(name, name)
        if new in shown_already:
            continue
        if name not in renames and (new in find_reserved(options) or new in taken or not new):
            new = next(each for each in make_names(new or UNNAMED, new) if each not in free_of)
            renames[name] = new
            free_of.add(new)
        kept.append(new)
    pairs = [f"{old}={new}" for old, new in renames.items()]
    return replace(options, save_additional_columns=kept, rename_columns=pairs or None)


def make_names(name: str, old: str) -> Iterator[str]:
    """Yield names to try for a column: `name` if it had none, then with more and more prefixes."""
    if name != old:
        yield name
    while True:
        name = PREFIX + name
        yield name


def is_prefixed(old: str, new: str) -> bool:
    """Whether a * gives the column this name; options may name it as the list does."""
    prefix = new.removesuffix(old)
    return new != old and new.endswith(old) and not prefix.replace(PREFIX, "")


def find_reserved(options: ListShapeOptions) -> set[str]:
    """The names under which these options store something else."""
    fetched = FETCH_COLUMNS if options.save_fetch_metadata else ()
    return {*RESERVED_COLUMNS, *fetched, *([OPT_OUT] if options.save_opt_out_signals else ())}
