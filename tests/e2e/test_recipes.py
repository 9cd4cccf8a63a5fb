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
from tests.e2e.published_lists import Row, make_list
from tests.site import Site
from tests.site.pictures import picture

AVAILABLE = [one for one in read_book().recipes.values() if one.status is Status.AVAILABLE]
CAPTIONS_PER_IMAGE = 5
"""In a list that has each image several times."""
FEW_BYTES = "/image/{}.jpg?width=40&height=30"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", AVAILABLE, ids=lambda recipe: recipe.name)
def test_the_printed_command_makes_the_dataset(recipe: Recipe, site: Site, tmp_path: Path) -> None:
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
            digest = hashlib.md5(picture(n, "jpg", 40, 30)).digest()
            values["OriginalMD5"] = base64.b64encode(digest).decode()
        if "where" in recipe.options:
            values["type"] = "StillImage" if n % 4 else "Sound"
        return values

    return choose


def gather_captions(rows: list[Row], recipe: Recipe) -> list[Row]:
    """The first row of each image, with the captions of all its rows."""
    gathered: dict[str, Row] = {}
    url, caption = recipe.options["url_col"], recipe.options["caption_col"]
    for row in rows:
        gathered.setdefault(row[url], {**row, "all_captions": []})["all_captions"].append(
            row[caption]
        )
    return list(gathered.values())


def check_row(found: dict[str, Any], row: Row, recipe: Recipe) -> None:
    """Success, the caption, the columns that are kept, and the URL."""
    options = recipe.options
    assert found["status"] == "success", found["error_message"]
    if "caption_col" in options:
        assert found["caption"] == look_up(row, options["caption_col"])
    assert found.get("all_captions") == row.get("all_captions")
    if "url_template" not in options:
        assert found["url"] == look_up(row, options.get("url_col", "url"))
    old_names = {
        new: old for old, new in (each.split("=") for each in options.get("rename_columns", ()))
    }
    for name in options.get("save_additional_columns", ()):
        kept = found[name]
        if recipe.options["input_format"].startswith(("csv", "tsv")):  # numbers become numbers
            kept = str(kept)
        assert kept == look_up(row, old_names.get(name, name)), name


def look_up(row: Row, column: str) -> Any:
    return row[column.rpartition(".")[2].removesuffix("[*]")]
