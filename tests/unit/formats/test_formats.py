"""The registry of output formats, and what each declares."""

from __future__ import annotations

import re

import pytest

from img2dataset.dataset.layout import compile_shard_pattern, guess_format
from img2dataset.errors import OptionError
from img2dataset.formats import NAMES, TABLE, check_options, find_format, list_suffixes
from img2dataset.options import Options
from img2dataset.output_format import WITHOUT_ROWS, OutputFormat, describe_formats
from tests.unit.process.test_startup import imported_by

every_format = pytest.mark.parametrize("output_format", NAMES)


@every_format
def test_a_format_is_declared_in_the_module_of_its_name(output_format: str) -> None:
    assert find_format(output_format).writer.__module__ == f"img2dataset.formats.{output_format}"


@every_format
def test_every_file_but_a_folder_can_be_merged(output_format: str) -> None:
    """Else incremental_mode=retry would leave the stored file without the refetched rows."""
    files = find_format(output_format).files

    assert [suffix for suffix, merge in files.items() if merge is None] in ([], [""])
    assert list(files)[-1:] in ([], [TABLE])


@every_format
def test_verify_knows_every_file_of_a_format(output_format: str) -> None:
    for suffix in find_format(output_format).suffixes:
        match = compile_shard_pattern().fullmatch(f"00012{suffix}")
        assert match is not None
        assert match.groups() == ("00012", suffix)


@every_format
def test_the_registry_knows_which_formats_store_no_rows(output_format: str) -> None:
    assert find_format(output_format).stores_rows is (output_format not in WITHOUT_ROWS)


def test_other_names_are_no_shards() -> None:
    pattern = compile_shard_pattern()
    assert not any(map(pattern.fullmatch, ["a.tar", "00000.txt", "00000xparquet", "00000.tar.gz"]))
    assert {"", ".parquet", ".tar", ".tfrecord"} <= set(list_suffixes())


@pytest.mark.parametrize(
    ("suffixes", "expected"),
    [
        ({"_stats.json", ".tar", ".parquet", ""}, "webdataset"),
        ({"_stats.json", ".tar", ".tfrecord"}, "webdataset"),
        ({"_stats.json", ".tfrecord", ".parquet"}, "tfrecord"),
        ({"_stats.json", "", ".parquet"}, "files"),
        ({"_stats.json", ".parquet"}, "parquet"),
        ({"_stats.json"}, "dummy"),
        (set(), "dummy"),
    ],
)
def test_a_format_that_was_not_recorded_is_guessed(suffixes: set[str], expected: str) -> None:
    assert guess_format(suffixes) == expected


@pytest.mark.parametrize(
    ("output_format", "column", "refused"),
    [
        ("parquet", "png", True),
        ("parquet", "jpg", False),
        ("parquet", "txt", False),
        ("tfrecord", "png", True),
        ("tfrecord", "txt", True),
        ("webdataset", "png", False),
        ("files", "txt", False),
    ],
)
def test_a_name_that_a_format_takes_cannot_be_an_additional_column(
    output_format: str, column: str, *, refused: bool
) -> None:
    options = Options(
        "l", output_format=output_format, encode_format="png", save_additional_columns=["a", column]
    )
    if not refused:
        check_options(options)
        return
    with pytest.raises(OptionError, match=f"contains {column}: output_format {output_format} stor"):
        check_options(options)


def test_a_dataset_of_a_format_that_is_not_here_is_refused() -> None:
    with pytest.raises(OptionError, match="this version has no output_format 'zip'"):
        find_format("zip")


def test_rows_that_are_not_stored_are_not_retried() -> None:
    with pytest.raises(OptionError, match="output_format dummy keeps no rows"):
        check_options(Options("l", output_format="dummy", incremental_mode="retry"))


def test_the_help_lists_every_format() -> None:
    assert set(NAMES) == set(re.findall(r"\w+", re.sub(r"\(.*?\)", "", describe_formats()))) - {
        "or"
    }
    assert OutputFormat("webdataset").hint == "tar"


@pytest.mark.slow
def test_a_format_is_imported_only_when_it_is_asked_for() -> None:
    modules = [f"img2dataset.formats.{name}" for name in NAMES]
    large = ("pyarrow", "numpy", "google_crc32c", "orjson")

    assert not imported_by("import img2dataset.formats", *large, *modules)
    asked = "from img2dataset.formats import find_format; find_format('webdataset')"
    unused = ("pyarrow.parquet", "google_crc32c")
    assert imported_by(asked, *unused, *modules) == ["img2dataset.formats.webdataset"]
