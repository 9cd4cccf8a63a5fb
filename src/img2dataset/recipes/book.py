"""recipes.toml -> `Book`; a name that somebody wrote -> recipes."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from img2dataset.errors import OptionError
from img2dataset.recipes.recipe import Book, Recipe, Status, Survival

GROUPS = "groups"


@cache
def read_book() -> Book:
    """Read all recipes."""
    text = files(__package__).joinpath("recipes.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    groups = {name: tuple(members) for name, members in tables.pop(GROUPS).items()}
    return Book({name: _make_recipe(name, table) for name, table in tables.items()}, groups)


def _make_recipe(name: str, table: Mapping[str, Any]) -> Recipe:
    facts = dict(table)
    low_high = facts.pop("expected", None)
    return Recipe(
        name=name,
        status=Status(facts.pop("status", Status.AVAILABLE.value)),
        success=tuple(Survival(**each) for each in facts.pop("success", ())),
        expected=None if low_high is None else (low_high[0], low_high[1]),
        notes=tuple(facts.pop("notes", ())),
        believed=frozenset(facts.pop("believed", ())),
        **facts,
    )


def find_recipes(name: str, book: Book) -> list[Recipe]:
    """Find the recipe of a name, or those of a group; case, - and _ make no difference.

    Raises:
        OptionError: there is none; the message has the nearest name.
    """
    names = {_normalise(known): known for known in (*book.recipes, *book.groups)}
    known = names.get(_normalise(name))
    if known is None:
        close = difflib.get_close_matches(_normalise(name), names, n=1)
        hint = f"did you mean {names[close[0]]}? " if close else ""
        raise OptionError(f"recipe {name!r} is not known: {hint}img2dataset recipe  lists them all")
    return [book.recipes[each] for each in book.groups.get(known, (known,))]


def _normalise(name: str) -> str:
    return name.lower().replace("_", "-")
