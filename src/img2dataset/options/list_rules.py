"""Options for the shape of a list that do not go together."""

from __future__ import annotations

from img2dataset.errors import OptionError
from img2dataset.options.list_shapes import ListShapeOptions

TEXT_TABLES = ("csv", "tsv")


def check_list_shape(options: ListShapeOptions) -> None:
    """Refuse what the format of the list cannot have.

    Raises:
        OptionError: an option has no meaning for it.
    """
    _check_format(options)


def _check_format(options: ListShapeOptions) -> None:
    if options.input_format.partition(".")[0] in TEXT_TABLES:
        return
    for name, unset in (("columns", None), ("delimiter", None), ("quoting", "auto")):
        value = getattr(options, name)
        if value != unset:
            shown = ",".join(value) if name == "columns" else value
            raise OptionError(
                f"{name} is {shown!r}, which is for input_format csv and tsv, but input_format is "
                f"{options.input_format!r}"
            )
