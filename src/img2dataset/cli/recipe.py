"""argv after the word "recipe" -> what is shown, written or run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from img2dataset.cli.config import format_toml
from img2dataset.cli.parse import read_options, takes_value
from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.recipes import Recipe, Status, find_recipes, read_book
from img2dataset.recipes.command import make_options
from img2dataset.recipes.page import format_overview, format_recipe

HELP_TEXT = """\
Known lists of images, each with the command that downloads it.

Usage:
  img2dataset recipe
  img2dataset recipe NAME [--run OUTPUT | --config FILE] [--name=value ...]

Without a name, lists all recipes.  With one, prints what the list is, where it
is today, its licence and terms, how much of it can be expected, the disk that
it needs, and the complete command.

Options:
  --run OUTPUT
      run the command; the dataset goes to OUTPUT, a folder or any fsspec URL
  --config FILE
      write the options to a .toml file for  img2dataset --config=FILE
  --name=value
      any option of a run, instead of the recipe's or beside them

Exit codes: those of a run; 2 wrong usage.
"""


@dataclass(slots=True)
class _Asked:
    """The words, sorted."""

    names: list[str] = field(default_factory=list)
    own: dict[str, str] = field(default_factory=dict)
    """"run" and "config", with their values."""
    rest: list[str] = field(default_factory=list)
    """The options of a run."""


def parse_recipe(argv: Sequence[str]) -> Options | str:
    """Parse the words after "recipe": the options of a run, or a text to show.

    Raises:
        OptionError: it cannot be understood, or the recipe cannot do it.
    """
    if any(word in ("--help", "-h") for word in argv):
        return HELP_TEXT
    asked = _sort(argv)
    changes = read_options(asked.rest)
    if not asked.names:
        if asked.own or asked.rest:
            raise OptionError("recipe: give its name first; img2dataset recipe  lists them")
        return format_overview(read_book())
    if len(asked.names) > 1:
        raise OptionError(f"recipe: one name at a time, not {' '.join(asked.names)}")
    recipes = find_recipes(asked.names[0], read_book())
    if not asked.own:
        for recipe in recipes:
            _check(recipe, changes)
        return "\n".join(format_recipe(recipe, changes) for recipe in recipes)
    return _act(_take_one(recipes, asked.names[0]), asked.own, changes)


def _sort(argv: Sequence[str]) -> _Asked:
    asked = _Asked()
    words = list(argv)
    while words:
        word = words.pop(0)
        name, equals, text = word.removeprefix("--").partition("=")
        if word.startswith("--") and name in ("run", "config"):
            if not equals and not words:
                raise OptionError(f"--{name} needs a value: write --{name}=value")
            asked.own[name] = text if equals else words.pop(0)
        elif word.startswith("-"):
            asked.rest.append(word)
            if not equals and words and takes_value(word, words[0]):
                asked.rest.append(words.pop(0))
        else:
            asked.names.append(word)
    return asked


def _take_one(recipes: Sequence[Recipe], name: str) -> Recipe:
    if len(recipes) > 1:
        names = ", ".join(recipe.name for recipe in recipes)
        raise OptionError(f"recipe {name} is several lists: take one of {names}")
    (recipe,) = recipes
    if recipe.status is not Status.AVAILABLE:
        raise OptionError(f"recipe {recipe.name}: {recipe.status.value}. {recipe.instead}")
    return recipe


def _check(recipe: Recipe, changes: Mapping[str, Any]) -> None:
    """Refuse options that no run takes."""
    if recipe.status is Status.AVAILABLE:
        Options(**make_options(recipe, changes))


def _act(recipe: Recipe, own: Mapping[str, str], changes: Mapping[str, Any]) -> Options | str:
    folder = {"output_folder": own["run"]} if "run" in own else {}
    values = make_options(recipe, {**changes, **folder})
    options = Options(**values)
    if "config" not in own:
        return options
    if "run" in own:
        raise OptionError("recipe: --run or --config, not both")
    path = Path(own["config"])
    if path.suffix.lower() != ".toml":
        raise OptionError(f"--config {path}: the file's name must end in .toml")
    text = f"# {recipe.title}: img2dataset recipe {recipe.name}\n{format_toml(values)}"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise OptionError(f"--config {path}: is there already, and is not overwritten") from error
    except OSError as error:
        raise OptionError(f"--config {path}: cannot be written: {error.strerror}") from error
    return f"{path} is written: img2dataset --config={path}  runs it\n"
