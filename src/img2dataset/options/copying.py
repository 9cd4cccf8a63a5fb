"""Options -> the config of a stage."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from img2dataset.options.declared import DeclaredOptions

C = TypeVar("C")


def make_config(config: type[C], options: DeclaredOptions, **own: Any) -> C:
    """Make the config of a stage: a field with the name of an option is a copy of it.

    Args:
        config: a dataclass.
        options: the options of the run.
        own: the fields that are no options, or that the stage needs in another form.
    """
    copied = {
        field.name: getattr(options, field.name)
        for field in fields(config)  # type: ignore[arg-type]
        if field.name not in own and hasattr(options, field.name)
    }
    return config(**copied, **own)
