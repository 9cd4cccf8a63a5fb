"""`img2dataset recipe`: what it shows, writes and refuses."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from img2dataset.cli.command import main
from img2dataset.cli.parse import parse
from img2dataset.cli.recipe import parse_recipe
from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.recipes import Recipe, Status, read_book
from tests.quick import few_quick

RECIPES = list(read_book().recipes.values())
AVAILABLE = [recipe for recipe in RECIPES if recipe.status is Status.AVAILABLE]
OLD_EXAMPLES = (
    "mscoco", "sbucaptions", "cc3m", "cc12m", "laion400m", "laion5B", "laion-aesthetic",
    "laion-art", "laion-high-resolution", "laion-face", "coyo-700m", "commonpool", "datacomp-1b",
)  # fmt: skip
"""The pages of the documentation of 1.47.0."""


def show(*words: str) -> str:
    shown = parse_recipe(words)
    assert isinstance(shown, str)
    return shown


def parse_options(*words: str) -> Options:
    options = parse_recipe(words)
    assert isinstance(options, Options)
    return options


def read_command(shown: str) -> list[str]:
    """The words of the command at the end of a recipe's page."""
    words = shlex.split(shown[shown.index("\nimg2dataset ") :].replace("\\\n", " "))
    return words[1:]


def test_every_recipe_is_listed() -> None:
    shown = show()

    assert re.findall(r"^  (\S+)  ", shown, re.MULTILINE) == [
        *(recipe.name for recipe in RECIPES), "laion5B", "commonpool",
    ]  # fmt: skip


@pytest.mark.parametrize("recipe", few_quick(AVAILABLE), ids=lambda recipe: recipe.name)
def test_the_printed_command_is_what_run_runs(recipe: Recipe) -> None:
    printed = parse(read_command(show(recipe.name)))

    assert printed == parse_options(recipe.name, "--run", recipe.name)
    assert isinstance(printed, Options)
    assert printed.output_format == "webdataset"


@pytest.mark.parametrize("recipe", few_quick(AVAILABLE), ids=lambda recipe: recipe.name)
def test_the_written_config_is_what_run_runs(
    recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "job.toml"

    assert main(["recipe", recipe.name, f"--config={file}"]) == 0
    assert capsys.readouterr().out == (f"{file} is written: img2dataset --config={file}  runs it\n")
    assert parse([f"--config={file}"]) == parse_options(recipe.name, "--run", recipe.name)


@pytest.mark.parametrize("name", OLD_EXAMPLES)
def test_the_examples_of_the_old_tool_have_a_page_and_a_recipe(name: str) -> None:
    page = Path(__file__).parents[3] / "docs" / "datasets" / f"{name}.md"

    assert page.is_file()
    assert show(name)


def test_a_group_shows_all_its_recipes() -> None:
    shown = show("laion5b")

    assert [line for line in shown.splitlines() if line.startswith("img2dataset ")] == [
        f"img2dataset 'hf://datasets/laion/{name}-research-safe/**.parquet' \\"
        for name in ("relaion2B-en", "relaion2B-multi", "relaion1B-nolang")
    ]


def test_options_of_a_run_replace_those_of_the_recipe() -> None:
    words = ("cc12m", "--image_size=384", "--url_list", "mine.tsv", "--no-extract-exif")
    options = parse_options(*words, "--run=s3://bucket/cc12m")

    assert parse(read_command(show(*words))) == parse([
        "mine.tsv", "--image_size=384", "--output_folder=cc12m", "--output_format=webdataset",
        "--input_format=tsv", "--columns=url,caption", "--caption_col=caption", "--noextract_exif",
    ])  # fmt: skip
    assert options.output_folder == "s3://bucket/cc12m"
    assert options.image_size == 384
    assert not options.extract_exif


def test_facts_that_nobody_has_checked_are_marked() -> None:
    shown = " ".join(show("laion400m").split())

    assert "licence Apache-2.0 (believed, not checked)" in shown
    assert "rows 361,000,000 list hf://" in shown
    assert "accept them first at https://huggingface.co/datasets/laion/relaion400m" in shown
    assert "expected now 60% to 68% of the images, 217 million to 245 million" in shown
    assert "published 68 %, 77 % with retries, Feb 2024 (img2dataset issue 400)" in shown
    assert "about 5.8 TB at 256 pixels" in shown


def test_a_list_that_is_gone_says_what_to_do() -> None:
    assert "is withdrawn, and cannot be made again." in " ".join(show("laion-face").split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mmc5"], "recipe 'mmc5' is not known: did you mean mmc4? img2dataset recipe  lists them all"),
        (["zzz"], "recipe 'zzz' is not known: img2dataset recipe  lists them all"),
        (["cc3m", "cc12m"], "recipe: one name at a time, not cc3m cc12m"),
        (["--run", "x"], "recipe: give its name first; img2dataset recipe  lists them"),
        (["cc3m", "--run"], "--run needs a value: write --run=value"),
        (["--quiet", "cc3n"], "recipe 'cc3n' is not known: did you mean cc3m? img2dataset recipe  lists them all"),
        (["cc3m", "--imagesize=3"], "unknown option --imagesize: did you mean --image_size?"),
        (["cc3m", "--image_size=0"], "image_size is 0"),
        (["cc3m", "--print_config"], "--print_config is for the command of a run"),
        (["cc3m", "--run=x", "--config=x.toml"], "recipe: --run or --config, not both"),
        (["cc3m", "--config=x.yaml"], "--config x.yaml: the file's name must end in .toml"),
        (["laion5B", "--run=x"], "recipe laion5B is several lists: take one of laion2B-en, "),
        (["laion-face", "--run=x"], "recipe laion-face: gone. Nothing: it is published as row"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line(words: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=f"^{re.escape(message)}"):
        parse_recipe(words)


def test_a_config_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("by hand")

    with pytest.raises(OptionError, match="is there already, and is not overwritten"):
        parse_recipe(["cc3m", f"--config={file}"])
    assert file.read_text() == "by hand"


def test_a_list_with_the_name_of_the_command_is_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    monkeypatch.chdir(tmp_path)
    Path("recipe").write_text("http://127.0.0.1:1/a.jpg\n")

    class Ran(Exception):  # noqa: N818
        pass

    def run(options: Options, _reporters: object) -> None:
        ran.append(options.url_list)
        raise Ran

    with pytest.raises(Ran):
        main(["recipe"], run)  # type: ignore[arg-type]
    assert ran == ["recipe"]
