"""What a folder has recorded -> the command of a retry, or what to do without one."""

from __future__ import annotations

import shlex

import pytest

from img2dataset.cli.parse import parse
from img2dataset.dataset.identity import Identity, Section, normalize
from img2dataset.insight.retry_command import advise_retry, is_public_name
from img2dataset.insight.row_files import make_run_options
from img2dataset.options import Options, shaping_options
from img2dataset.run.ignored_options import drop_ignored_options


def make_section(options: Options, *names: str) -> Section:
    inputs = [{"url": name, "size": 1, "fingerprint": ""} for name in names]
    return Section(0, normalize(Identity(inputs, shaping_options(options))))


def test_the_command_gives_the_options_that_were_recorded() -> None:
    made = Options(
        "a list's.parquet", output_folder="s3://b/out", input_format="parquet", image_size=512,
        resize_mode="no", max_aspect_ratio=2.5, verify_hash=["h", "md5"], compute_hash="md5",
        extract_exif=False, where="a > 'b'", rename_columns=["caption=text"],
        save_additional_columns=["one", "two, three"], caption_col="TEXT",
        limit=1000,
    )  # fmt: skip

    advice = advise_retry([make_section(made, "a list's.parquet")], ["webdataset"], "s3://b/out")

    assert advice.is_command
    parsed = parse(shlex.split(advice.text.replace("\\\n", ""))[1:])
    assert isinstance(parsed, Options)
    assert shaping_options(parsed) == shaping_options(made)
    assert (parsed.url_list, parsed.output_folder, parsed.incremental_mode) == (
        "a list's.parquet", "s3://b/out", "retry",
    )  # fmt: skip


def test_the_command_for_captions_of_bare_urls_can_be_run() -> None:
    made, _ = drop_ignored_options(Options("urls.txt", caption_col="x"))

    advice = advise_retry([make_section(made, "urls.txt")], ["files"], "out")

    parsed = parse(shlex.split(advice.text.replace("\\\n", ""))[1:])
    assert isinstance(parsed, Options)
    taken, _ = drop_ignored_options(parsed)
    assert shaping_options(taken) == shaping_options(made)


@pytest.mark.parametrize(
    ("sections", "output_format", "said"),
    [
        ([], "webdataset", "--incremental_mode=retry"),
        ([make_section(Options("x"), "<list>")], "webdataset", "--incremental_mode=retry"),
        ([make_section(Options("x"), "x"), make_section(Options("y"), "y")], "files", "lists were added"),
        ([make_section(Options("x"), "x")], "dummy", "keeps no rows"),
    ],
)  # fmt: skip
def test_without_a_record_there_is_advice(
    sections: list[Section], output_format: str, said: str
) -> None:
    advice = advise_retry(sections, [output_format], "out")

    assert not advice.is_command
    assert said in advice.text


def test_many_files_of_a_folder_are_named_by_it() -> None:
    names = [f"lists/{n}.parquet" for n in range(9)]
    made = Options("lists", input_format="parquet")

    assert advise_retry([make_section(made, *names)], ["files"], "out").text.startswith(
        "img2dataset lists "
    )


@pytest.mark.parametrize(
    ("name", "is_public"),
    [
        ("list.csv", True),
        ("a@b?.csv", True),
        ("hf://datasets/a/b@main/x.parquet", True),
        ("https://host/list.csv", True),
        ("https://host/list.csv?X-Amz-Signature=1", False),
        ("https://user:word@host/list.csv", False),
        ("<DataFrame>", False),
        ("-", False),
        ("", False),
    ],
)
def test_a_name_that_may_hold_a_password_is_not_shown(name: str, is_public: bool) -> None:  # noqa: FBT001
    assert is_public_name(name) is is_public


def test_a_list_of_failed_rows_is_run_without_what_chose_them() -> None:
    made = Options("a.csv", input_format="csv", image_size=64, limit=1000, where="a > 1", shuffle=3)

    options = make_run_options(make_section(made, "a.csv").identity.options, {}, "jsonl")

    assert options == {"image_size": 64, "input_format": "jsonl"}
