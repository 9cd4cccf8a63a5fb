"""Accept options that 1.47.0 accepted although they cannot have an effect: scripts pass them.

Each is accepted with a notice.  An option without which data would lack a check or a blur that the
user asked for is refused: see decision 26.
"""

from __future__ import annotations

import os
from dataclasses import replace

from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.records import NO_COLUMN


def drop_ignored_options(options: Options) -> tuple[Options, list[str]]:
    """Drop the options that have no effect; return the others, and a notice for each dropped one."""
    if options.caption_col == NO_COLUMN:
        raise OptionError("caption_col is '': it must be the name of a column, or None")
    notices = []
    if has_bare_urls(options):
        why = f"input_format is {options.input_format!r}: such a list has no columns but the URL"
        if options.caption_col is not None:
            notices.append(
                f"caption_col is {options.caption_col!r}, but {why}, so all captions are empty"
            )
            options = replace(options, caption_col=NO_COLUMN)
        if options.save_additional_columns:
            named = ", ".join(options.save_additional_columns)
            notices.append(
                f"save_additional_columns is {named}, but {why}, so none of them is kept"
            )
            options = replace(options, save_additional_columns=None)
    if options.encoder_quality != options.encode_quality:
        notices.append(
            f"encode_quality is {options.encode_quality}, which is for jpg: png has levels 0 to 9, "
            f"and {options.encoder_quality} is taken"
        )
    return options, notices


def has_bare_urls(options: Options) -> bool:
    """True if the list holds only URLs; a table in memory has columns whatever input_format says."""
    in_files = isinstance(options.url_list, str | os.PathLike | list | tuple)
    return in_files and options.input_format.partition(".")[0] == "txt"
