"""Each recipe's own printed command, on a small list in the shape of the published one."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from img2dataset.cli.command import main
from img2dataset.recipes import Recipe, Status, read_book
from img2dataset.recipes.command import format_command, make_options
from tests.e2e.dataset import Dataset
from tests.e2e.published_lists import ROWS, Row, make_list
from tests.site import Site

AVAILABLE = [one for one in read_book().recipes.values() if one.status is Status.AVAILABLE]
CAPTIONS_PER_IMAGE = 5
"""In a list that has each image several times."""
FEW_BYTES = "/image/{}.jpg?width=40&height=30"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", AVAILABLE, ids=lambda recipe: recipe.name)
def test_the_printed_command_makes_the_dataset(
    recipe: Recipe, site: Site, tmp_path: Path
) -> None:
    published = make_list(recipe, tmp_path, choose_values(recipe, site))
    words = shlex.split(format_command(make_options(recipe, {})).replace("\\\n", " "))
    template = [f"--url_template={site.url('/image/{photo_id}.{extension}')}"]

    code = main([
        str(published.path),
        *words[2:],
        f"--output_folder={tmp_path / 'out'}",
        *(template if "url_template" in recipe.options else []),
    ])  # fmt: skip

    assert code == 0
    dataset = Dataset(tmp_path / "out")
    expected = [row for row in published.rows if row.get("type", "StillImage") == "StillImage"]
    if "deduplicate" in recipe.options:
        expected = gather_captions(expected, recipe)
    dataset.check_whole(len(expected))
    for found, row in zip(dataset.rows, expected, strict=True):
        check_row(found, row, recipe)


def choose_values(recipe: Recipe, site: Site) -> Callable[[int], Row]:
    """What must be right in a row for its image to be found and stored."""
    column = recipe.options.get("url_col", "url").rpartition(".")[2].removesuffix("[*]")
    repeats = CAPTIONS_PER_IMAGE if "deduplicate" in recipe.options else 1

    def choose(n: int) -> Row:
        image = FEW_BYTES.format(n // repeats)
        if "url_template" in recipe.options:
            return {"photo_id": str(n), "extension": "jpg"}
        values: Row = {column: site.url(image)}
        if "verify_hash" in recipe.options:
            digest = hashlib.md5(site.body(image)).digest()  # noqa: S324
            values["OriginalMD5"] = base64.b64encode(digest).decode()
        if "where" in recipe.options:
            values["type"] = "StillImage" if n % 4 else "Sound"
        return values

    return choose
