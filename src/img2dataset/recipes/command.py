"""Recipe -> the options of a run, and the command line that gives them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from img2dataset.recipes.recipe import Recipe

POSITIONAL = "url_list"


def make_options(recipe: Recipe, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from the defaults: the recipe's, then `changes`."""
    ours = {"output_format": "webdataset", "output_folder": recipe.name}
    return {**recipe.options, **ours, **changes}


def format_command(options: Mapping[str, Any]) -> str:
    """Write `options` as a command for a POSIX shell, one option a line."""
    words = [shlex.quote(_format_list(options[POSITIONAL]))]
    words += [
        f"--{name}={shlex.quote(_format_value(value))}"
        for name, value in options.items()
        if name != POSITIONAL
    ]
    return " \\\n  ".join([f"img2dataset {words[0]}", *words[1:]])


def _format_list(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else json.dumps(list(value))


def _format_value(value: Any) -> str:
    """As the command line reads it."""
    if value is None or isinstance(value, (bool, str, int, float)):
        return str(value)
    if any(set(item) & set(",[]'\"") or item != item.strip() for item in value):
        return json.dumps(list(value))
    return ",".join(value)
