"""How much of known lists others could download: from the recipes, and of what has no recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence

from img2dataset.dataset.identity import Section
from img2dataset.insight.findings import Published
from img2dataset.recipes import read_book
from img2dataset.recipes.recipe import Recipe

UNCHECKED = "not checked at its source"
WITHOUT_RECIPE = (
    ("24 image datasets", "less than 80 % of 270 million URLs", "2023", "MMM 2023, a survey"),
    ("web pages of 2013 to 2023", "75 % of the pages", "2024", "Pew Research Center"),
    ("ALLaVA-LAION", "90 %", "2024", UNCHECKED),
    ("PixMo-Cap", "77.5 %", "Jun 2025", UNCHECKED),
)
"""Title, share, when, source; of what has no recipe."""
MIN_NAME_LENGTH = 4
"""Characters of a recipe's name that are looked for in the name of a list."""


def list_published(output_folder: str, sections: Sequence[Section]) -> tuple[Published, ...]:
    """List the published shares, those of the list of this dataset first."""
    names = [output_folder.rstrip("/").rpartition("/")[2]]
    names += [str(file["url"]) for section in sections for file in section.identity.inputs[:100]]
    texts = [simplify(name) for name in names]
    recipes = read_book().recipes.values()
    this = find_recipe(texts, [recipe.name for recipe in recipes])
    found = [
        published
        for recipe in recipes
        for published in publish_recipe(recipe, is_this=recipe.name == this)
    ]
    found += [
        Published("", title, share, when, source, is_this=False)
        for title, share, when, source in WITHOUT_RECIPE
    ]
    return tuple(sorted(found, key=lambda each: not each.is_this))


def publish_recipe(recipe: Recipe, *, is_this: bool) -> list[Published]:
    doubt = f"; {UNCHECKED}" if "success" in recipe.believed else ""
    return [
        Published(
            recipe.name, recipe.title, each.share, each.when, each.source + doubt, is_this=is_this
        )
        for each in recipe.success
    ]


def find_recipe(texts: Sequence[str], names: Sequence[str]) -> str | None:
    """Find the recipe whose name is in one of the texts: the longest."""
    possible = [
        name
        for name in names
        if len(simplify(name)) >= MIN_NAME_LENGTH and any(simplify(name) in text for text in texts)
    ]
    return max(possible, key=len, default=None)


def simplify(text: str) -> str:
    """Leave only letters and digits, in lower case."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
