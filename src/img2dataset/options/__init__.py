"""The options of a run, checked.

The command line, `docs/options.md` and the signature of `download` are made from `Options`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from img2dataset.options.checks import check_type, check_value, make_plain
from img2dataset.options.columns import FETCH_COLUMNS, OPT_OUT, RESERVED_COLUMNS
from img2dataset.options.copying import make_config
from img2dataset.options.list_checks import (
    list_template_columns,
    parse_renames,
    parse_separator,
    parse_template,
)
from img2dataset.options.list_rules import check_list_shape
from img2dataset.options.list_shapes import ListShapeOptions
from img2dataset.options.option import Group
from img2dataset.options.rules import QUALITY, check_together

__all__ = [
    "FETCH_COLUMNS",
    "OPT_OUT",
    "QUALITY",
    "RESERVED_COLUMNS",
    "Group",
    "Options",
    "list_template_columns",
    "make_config",
    "parse_renames",
    "parse_separator",
    "parse_template",
    "shaping_options",
]


@dataclass(frozen=True, slots=True)
class Options(ListShapeOptions):
    """The options of a run: all values, and their combinations, are allowed ones.

    Raises:
        OptionError: one is not; the message names the option and what it allows.
    """

    def __post_init__(self) -> None:
        for declared in fields(self):
            if declared.name != "url_list":  # only what reads it can tell
                kind = str(declared.type)
                value = make_plain(getattr(self, declared.name), kind)
                object.__setattr__(self, declared.name, value)  # frozen for all others
                check_type(declared.name, value, kind)
                check_value(declared.name, value, declared.metadata["check"])
        check_list_shape(self)
        check_together(self)


def shaping_options(options: Options) -> dict[str, Any]:
    """The options that change what is stored: part of a run's identity.

    Values that mean the same are the same: letter case of interpolations, [] and None.
    """
    values = {
        declared.name: getattr(options, declared.name)
        for declared in fields(options)
        if declared.metadata["shapes_output"]
    }
    for name in ("upscale_interpolation", "downscale_interpolation"):
        values[name] = values[name].lower()
    for name in ("save_additional_columns", "rename_columns"):
        values[name] = values[name] or None
    return values
