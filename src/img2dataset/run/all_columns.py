"""save_additional_columns=* -> options that name the columns of the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from img2dataset.formats import find_format
from img2dataset.options import Options
from img2dataset.options.star import expand_star, wants_all_columns
from img2dataset.sources import SourceConfig, open_source


def name_all_columns(
    options: Options, url_list: Any, leave_out: Callable[[str], bool]
) -> tuple[Options, list[str]]:
    """Return the options with the names of all columns for a *, and a notice of those it renamed.

    From here on, and in what the dataset is compared with when it is resumed, they are options as
    if the user had written them.
    """
    if not wants_all_columns(options):
        return options, []
    bare = SourceConfig.of(replace(options, save_additional_columns=None))
    source = open_source(url_list, bare, leave_out)
    of_format = find_format(options.output_format).reserved_columns(options.encode_format)
    named = expand_star(options, source.all_names(), {*of_format, *bare.made_columns})
    before = set(options.rename_columns or ())
    renamed = [pair for pair in named.rename_columns or () if pair not in before]
    if not renamed:
        return named, []
    text = f"save_additional_columns is *: {', '.join(renamed)} (old=new)"
    return named, [f"{text}, because the metadata needs the old names"]
