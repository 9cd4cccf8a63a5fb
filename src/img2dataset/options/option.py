"""How an option is declared."""

from __future__ import annotations

from dataclasses import MISSING, field
from enum import StrEnum
from typing import Any, TypeAlias

from img2dataset.options.checks import Check

REQUIRED: Any = MISSING

SwitchOrNumber: TypeAlias = bool | int
"""The type of a switch that may name a number instead of being just on."""


class Group(StrEnum):
    """Headings of --help and of the reference, in this order."""

    INPUT = "Input"
    OUTPUT = "Output"
    IMAGES = "Images"
    FILTERS = "Filters"
    DOWNLOAD = "Download"
    MANNERS = "Opt-out and identity"
    RUN = "Running and resuming"
    REPORTS = "Reports"


def option(  # noqa: PLR0913  (all that there is to say of one)
    default: Any,
    help: str,  # noqa: A002  (the word that argparse and the field use)
    group: Group,
    *,
    check: Check | None = None,
    shapes_output: bool = False,
    stores: bool = False,
) -> Any:
    """Declare one option.

    Args:
        default: its value if none is given; REQUIRED = one must be given.
        help: what --help and the documentation say.
        group: the heading that it stands under.
        check: what is allowed, beyond its type; of a closed set, `OneOf` it.
        shapes_output: whether it changes what is stored: a run is not resumed with another value.
        stores: whether it says how a dataset is stored, or shown while it is: `stream` refuses it.
    """
    metadata = {
        "help": help,
        "group": group,
        "check": check,
        "shapes_output": shapes_output,
        "stores": stores,
    }
    return field(default=default, metadata=metadata)
