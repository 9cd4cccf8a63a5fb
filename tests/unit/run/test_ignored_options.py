"""What of the old tool's loose ways is taken, and what is said of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from img2dataset.dataset.identity import Identity
from img2dataset.errors import OptionError
from img2dataset.formats import WriterConfig
from img2dataset.options import Options, shaping_options
from img2dataset.run.ignored_options import drop_ignored_options
from img2dataset.sources import SourceConfig


@pytest.mark.parametrize("input_format", ["txt", "txt.gz"])
def test_captions_of_bare_urls_are_empty_with_one_notice(input_format: str) -> None:
    options = Options("a.txt", input_format=input_format, caption_col="caption")

    taken, (text,) = drop_ignored_options(options)

    assert text.startswith("caption_col is 'caption'")
    assert SourceConfig.of(taken).caption_col is None
    assert WriterConfig.of(taken).captions


def test_what_is_kept_of_such_a_caption_is_not_shown_as_a_value_that_was_given() -> None:
    without = Identity([], shaping_options(Options("a.txt")))
    taken, _ = drop_ignored_options(Options("a.txt", caption_col="x"))

    changed = Identity([], shaping_options(taken)).differences(without)

    assert changed == ["caption_col (was None, is a column that this list lacks)"]


def test_columns_of_bare_urls_are_left_out_with_one_notice() -> None:
    options = Options("a.txt", save_additional_columns=["a", "b"])

    taken, (text,) = drop_ignored_options(options)

    assert text.startswith("save_additional_columns is a, b")
    assert taken.additional_columns == ()


@pytest.mark.parametrize(
    "asked", [{"verify_hash": ["sha256", "sha256"]}, {"bbox_col": "boxes"}], ids=str
)
def test_a_check_or_a_blur_is_never_left_out(asked: dict[str, Any]) -> None:
    options = Options("a.txt", **asked)

    assert drop_ignored_options(options) == (options, [])  # the source refuses it


@pytest.mark.parametrize(
    ("url_list", "input_format"), [("a.csv", "csv"), (pa.table({"url": ["x"]}), "txt")]
)
def test_columns_of_a_table_stay(url_list: Any, input_format: str) -> None:
    options = Options(
        url_list, input_format=input_format, caption_col="caption", save_additional_columns=["a"]
    )

    assert drop_ignored_options(options) == (options, [])


def test_a_caption_column_without_a_name_is_refused() -> None:
    with pytest.raises(OptionError, match="caption_col is ''"):
        drop_ignored_options(Options("a.csv", input_format="csv", caption_col=""))


@pytest.mark.parametrize(("quality", "said"), [(95, 1), (6, 0), (0, 0)])
def test_the_level_taken_for_a_quality_of_jpg_is_said(quality: int, said: int) -> None:
    options = Options("a.txt", encode_format="png", encode_quality=quality)

    taken, notices = drop_ignored_options(options)

    assert taken.encoder_quality == (6 if said else quality)
    assert [text.count("levels 0 to 9") for text in notices] == [1] * said
