"""Recipe -> what a person reads of it: in the terminal, and in docs/datasets/."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from img2dataset.recipes.command import POSITIONAL, format_command, make_options
from img2dataset.recipes.recipe import Book, Recipe, Status

BYTES_PER_IMAGE = {256: 25_000, 512: 60_000}
"""image_size -> bytes of a sample on disk, for jpg at the default quality: 24.6 kB is the mean of
the photos in benchmarks/, with border; 512 lies between these (97 kB) and what DataComp publishes
(35 kB), with resize_only_if_bigger."""
WIDTH = 80
LABEL_WIDTH = 14
BELIEVED = " (believed, not checked)"
INDEX_HEAD = """\
# Published lists

`img2dataset recipe` lists these; `img2dataset recipe NAME` prints what is known of one and its complete command, and `--run OUTPUT` runs it.
Any option of a run may follow and replaces the recipe's: `img2dataset recipe cc12m --run cc12m --image_size=512`."""
INDEX_FOOT = """\
* *Expected now* is the share of the images that a run gets. A list of the web loses 5 to 10 points in its first year, and about 1 a month after that.
* Facts marked *believed* could not be checked at their source. The pages are made from `src/img2dataset/recipes/recipes.toml`: corrections are welcome.
* Sizes on disk are estimates: 25 kB an image at 256 pixels, 60 kB at 512.
* Lists on the Hub need `pip install 'img2dataset[hf]'`."""
UNITS = {1e15: "PB", 1e12: "TB", 1e9: "GB", 1e6: "MB"}
SHORT_ROWS = {1e9: "billion", 1e6: "million", 1e3: "thousand"}


def list_facts(recipe: Recipe) -> list[tuple[str, str]]:
    """List what is known of the recipe's list: label and text, in the order to be read."""
    facts = [
        ("rows", _say_rows(recipe)),
        ("list", _say_list(recipe)),
        ("licence", _mark(recipe, "licence", recipe.licence or "not known")),
        ("terms", _say_terms(recipe)),
        ("expected now", _say_expected(recipe)),
        *(("published", f"{one.share}, {one.when} ({one.source})") for one in recipe.success),
        ("disk", _say_disk(recipe)),
        ("columns", _say_columns(recipe)),
    ]
    return [(label, text) for label, text in facts if text]


def _mark(recipe: Recipe, fact: str, text: str) -> str:
    return text + BELIEVED if text and fact in recipe.believed else text


def _say_rows(recipe: Recipe) -> str:
    if recipe.rows is None:
        return ""
    images = "" if recipe.images is None else f", {recipe.images:,} images"
    return _mark(recipe, "rows", f"{recipe.rows:,}{images}")


def _say_list(recipe: Recipe) -> str:
    where = recipe.options.get(POSITIONAL)
    if where is None:
        return ""
    first = where if isinstance(where, str) else f"{where[0]} and {len(where) - 1} more"
    size = f"; {recipe.list_size}" if recipe.list_size else ""
    return _mark(recipe, "list", first + size)


def _say_terms(recipe: Recipe) -> str:
    if not recipe.terms:
        return ""
    return _mark(
        recipe, "terms", f"accept them first at {recipe.terms}, and set HF_TOKEN to your token"
    )


def _say_expected(recipe: Recipe) -> str:
    if recipe.expected is None:
        return "" if recipe.status is not Status.AVAILABLE else "not known: nobody published it"
    low, high = recipe.expected
    text = f"{low:.0%} to {high:.0%}"
    count = recipe.images or recipe.rows
    if count is not None:
        text += f" of the images, {_shorten(count * low)} to {_shorten(count * high)}"
    is_believed = not recipe.believed.isdisjoint({"success", "expected"})
    return text + BELIEVED if is_believed else text


def _shorten(count: float) -> str:
    return _scale(count, SHORT_ROWS, 3)


def _scale(number: float, names: Mapping[float, str], digits: int) -> str:
    """In the largest of the units `names` that leaves at least 1, rounded to `digits` digits."""
    rounded = round(number, digits - 1 - math.floor(math.log10(number)))
    unit = next((unit for unit in names if rounded >= unit), min(names))
    return f"{rounded / unit:.{1 if rounded < 10 * unit else 0}f} {names[unit]}"


def _say_disk(recipe: Recipe) -> str:
    count = recipe.images or recipe.rows
    parts = [recipe.disk] if recipe.disk else []
    if recipe.status is Status.AVAILABLE and count is not None:
        share = sum(recipe.expected) / 2 if recipe.expected else 1.0
        parts += [
            f"about {_scale(count * share * bytes_each, UNITS, 2)} at {size} pixels"
            for size, bytes_each in BYTES_PER_IMAGE.items()
        ]
    return "; ".join(parts)


def _say_columns(recipe: Recipe) -> str:
    inner = ", ".join(f"{name} {kind}" for name, kind in recipe.columns.items())
    if not inner:
        return ""
    outer = "".join(f"{name} {kind}, " for name, kind in recipe.outer_columns.items())
    text = f"{outer}{recipe.nested}: [{inner}]" if recipe.nested else inner
    header = "" if recipe.header else " (the file does not name them)"
    return _mark(recipe, "columns", text + header)


# -- the terminal --


def format_recipe(recipe: Recipe, changes: Mapping[str, Any]) -> str:
    """Write the page of a recipe for the terminal; `changes` are options that the user gave."""
    parts = [f"{recipe.name}: {recipe.title}", textwrap.fill(recipe.about, WIDTH), ""]
    parts += [_format_fact(label, text) for label, text in list_facts(recipe)]
    parts += [
        "",
        *(textwrap.fill(f"* {note}", WIDTH, subsequent_indent="  ") for note in recipe.notes),
    ]
    if recipe.status is not Status.AVAILABLE:
        parts += ["", textwrap.fill(f"{_explain(recipe)} {recipe.instead}", WIDTH)]
    else:
        parts += ["", format_command(make_options(recipe, changes))]
    return "\n".join(_drop_double_blanks(parts)) + "\n"


def _format_fact(label: str, text: str) -> str:
    # the words of a list's address must stay whole
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=f"{label:<{LABEL_WIDTH}}",
        subsequent_indent=" " * LABEL_WIDTH,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _drop_double_blanks(lines: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return kept


def _explain(recipe: Recipe) -> str:
    return {
        Status.GONE: "This list is gone.",
        Status.NO_DOWNLOAD_NEEDED: "Nothing has to be downloaded image by image.",
        Status.OWN_TOOL_NEEDED: "This dataset is made with a tool of its own.",
    }[recipe.status]


def format_overview(book: Book) -> str:
    """List all recipes, a line each."""
    lines = []
    for recipe in book.recipes.values():
        rows = "" if recipe.rows is None else _shorten(recipe.rows)
        state = "" if recipe.status is Status.AVAILABLE else f" ({recipe.status.value})"
        lines.append(f"  {recipe.name:<22} {rows:>13}  {recipe.title}{state}")
    for name, members in book.groups.items():
        lines.append(f"  {name:<22} {'':>13}  {', '.join(members)}")
    return "\n".join(
        [
            "Published lists of images, and their rows:",
            "",
            *lines,
            "",
            "img2dataset recipe NAME  says what a list is, and prints its command",
            "img2dataset recipe NAME --run OUTPUT  runs it",
            "",
        ]
    )


# -- docs/datasets/ --


def make_pages(book: Book) -> dict[str, str]:
    """Make all pages: the name of each, without its suffix, and its text."""
    grouped = {name for members in book.groups.values() for name in members}
    pages = {
        name: format_markdown([recipe], recipe.title)
        for name, recipe in book.recipes.items()
        if name not in grouped
    }
    for name, members in book.groups.items():
        pages[name] = format_markdown([book.recipes[each] for each in members], name)
    return {"README": format_index(book), **pages}


def format_index(book: Book) -> str:
    """Write the page that leads to the others."""
    rows = ["| recipe | | rows | licence of the list | expected now |", "|--|--|--:|--|--|"]
    groups = {name: group for group, members in book.groups.items() for name in members}
    for name, recipe in book.recipes.items():
        facts = dict(list_facts(recipe))
        expected = facts.get("expected now", "").partition(" of the images")[0]
        if recipe.status is not Status.AVAILABLE:
            expected = recipe.status.value
        link = f"[{name}]({groups.get(name, name)}.md)"
        cells = (link, recipe.title, facts.get("rows", ""), facts["licence"], expected)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n\n".join((INDEX_HEAD, "\n".join(rows), INDEX_FOOT)) + "\n"


def format_markdown(recipes: list[Recipe], title: str) -> str:
    """Write the page of one recipe, or of the several of a group."""
    parts = [f"# {title}"]
    for recipe in recipes:
        if len(recipes) > 1:
            parts.append(f"## {recipe.title}")
        parts += [recipe.about, _format_table(recipe)]
        if recipe.notes:
            parts.append("\n".join(f"* {note}" for note in recipe.notes))
        if recipe.status is Status.AVAILABLE:
            command = format_command(make_options(recipe, {}))
            parts += [
                f"```bash\n{command}\n```",
                f"`img2dataset recipe {recipe.name} --run OUTPUT` runs this command.",
            ]
        else:
            parts.append(f"**{_explain(recipe)}** {recipe.instead}")
    return "\n\n".join(parts) + "\n"


def _format_table(recipe: Recipe) -> str:
    rows = [
        f"| {label} | {text.replace('|', chr(92) + '|')} |" for label, text in list_facts(recipe)
    ]
    return "\n".join(["| | |", "|--|--|", *rows])
