"""Every option, declared once."""

from __future__ import annotations

import math
import pickle
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from img2dataset.errors import OptionError
from img2dataset.options import RESERVED_COLUMNS, Group, Options, shaping_options

OLD_PARAMETERS: list[tuple[str, Any]] = [
    ("image_size", 256), ("output_folder", "images"), ("processes_count", 1),
    ("resize_mode", "border"), ("resize_only_if_bigger", False),
    ("upscale_interpolation", "lanczos"), ("downscale_interpolation", "area"),
    ("encode_quality", 95), ("encode_format", "jpg"), ("skip_reencode", False),
    ("output_format", "files"), ("input_format", "txt"), ("url_col", "url"),
    ("caption_col", None), ("bbox_col", None), ("thread_count", 256),
    ("number_sample_per_shard", 10000), ("extract_exif", True),
    ("save_additional_columns", None), ("timeout", 10), ("enable_wandb", False),
    ("wandb_project", "img2dataset"), ("oom_shard_count", 5), ("compute_hash", "sha256"),
    ("verify_hash", None), ("distributor", "multiprocessing"), ("subjob_size", 1000),
    ("retries", 0), ("disable_all_reencoding", False), ("min_image_size", 0),
    ("max_image_area", math.inf), ("max_aspect_ratio", math.inf),
    ("incremental_mode", "incremental"), ("max_shard_retry", 1), ("user_agent_token", None),
    ("disallowed_header_directives", None), ("ignore_ssl_certificate", False),
]  # fmt: skip
"""Table A1 of the specification, in its order."""

every_option = pytest.mark.parametrize("declared", fields(Options), ids=lambda field: field.name)


def test_parameters_and_defaults_are_those_of_the_old_tool_in_their_order() -> None:
    declared = [(field.name, field.default) for field in fields(Options)]

    assert declared[0][0] == "url_list"
    assert declared[1 : len(OLD_PARAMETERS) + 1] == OLD_PARAMETERS


def test_every_option_says_what_it_is() -> None:
    for declared in fields(Options):
        assert declared.metadata["help"], declared.name
        assert isinstance(declared.metadata["group"], Group), declared.name


def test_the_defaults_are_allowed() -> None:
    options = Options("list.txt")

    assert options.additional_columns == ()
    assert pickle.loads(pickle.dumps(options)) == options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 0), ("image_size", 1.5), ("image_size", "256"), ("image_size", True),
        ("image_size", None), ("output_folder", ""), ("processes_count", 0),
        ("resize_mode", "crop"), ("resize_only_if_bigger", 2), ("resize_only_if_bigger", 1.0),
        ("resize_only_if_bigger", "False"), ("image_size", math.nan),
        ("image_size", np.array([256])), ("max_aspect_ratio", True), ("timeout", "10"),
        ("upscale_interpolation", "box"), ("downscale_interpolation", ""),
        ("encode_quality", 101), ("encode_quality", -1), ("encode_format", "jpeg"),
        ("output_format", "zip"), ("input_format", "xml"), ("url_col", ""),
        ("thread_count", 0), ("number_sample_per_shard", 0), ("extract_exif", None),
        ("save_additional_columns", "id"), ("save_additional_columns", [1]),
        ("timeout", 0), ("timeout", -1), ("timeout", math.nan), ("timeout", math.inf),
        ("oom_shard_count", 0), ("compute_hash", "crc32"), ("compute_hash", ""),
        ("verify_hash", ["column"]), ("verify_hash", ["column", "crc32"]),
        ("distributor", "dask"), ("subjob_size", 0), ("retries", -1),
        ("min_image_size", -1), ("max_image_area", math.nan), ("max_aspect_ratio", -1.0),
        ("incremental_mode", "resume"), ("max_shard_retry", -1),
        ("user_agent_token", "a\r\nb"), ("user_agent_token", "é"), ("user_agent", "a\nb"),
        ("disallowed_header_directives", "noai"), ("max_image_bytes", 0),
        ("max_decoded_pixels", 0),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=name) as caught:
        Options("list.txt", **{name: value})

    assert repr(value) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("upscale_interpolation", "LANCZOS4"), ("downscale_interpolation", "Area"),
        ("timeout", 0.5), ("timeout", 86_400), ("compute_hash", None), ("min_image_size", 0),
        ("max_image_area", 10), ("save_additional_columns", ("a", "b")),
        ("save_additional_columns", []), ("disallowed_header_directives", []),
        ("output_folder", "s3://bucket/x"), ("user_agent_token", "mybot"),
    ],
)  # fmt: skip
def test_a_good_value_is_taken(name: str, value: Any) -> None:
    assert getattr(Options("list.txt", **{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        ("image_size", np.int64(256), 256), ("image_size", 256.0, 256),
        ("image_size", np.float32(256), 256), ("thread_count", np.int64(8), 8),
        ("min_image_size", np.int64(10), 10), ("min_image_size", 10.0, 10),
        ("number_sample_per_shard", np.int64(100), 100), ("max_aspect_ratio", np.float32(3), 3.0),
        ("max_image_area", np.int32(3), 3), ("timeout", Fraction(1, 2), 0.5),
        ("max_image_area", 10, 10), ("skip_reencode", np.True_, True),
        ("resize_only_if_bigger", 1, True), ("extract_exif", np.int64(0), False),
        ("metrics_port", np.uint16(0), 0), ("dashboard", np.True_, True),
        ("dashboard", np.int64(8000), 8000), ("url_col", np.str_("u"), "u"),
    ],
)  # fmt: skip
def test_a_computed_value_is_taken_as_a_plain_one(name: str, value: Any, plain: Any) -> None:
    options = Options("list.txt", **{name: value})

    taken = getattr(options, name)
    assert taken == plain
    assert type(taken) is type(plain)
    assert shaping_options(options) == shaping_options(Options("list.txt", **{name: plain}))


@pytest.mark.parametrize(
    ("encode_format", "good", "bad"),
    [("jpg", [0, 100], [-1, 101]), ("png", [0, 9], [-1, 10]), ("webp", [1, 100, 101], [0, -1])],
)
def test_the_range_of_the_quality_is_that_of_the_format(
    encode_format: str, good: list[int], bad: list[int]
) -> None:
    for quality in good:
        Options("l", encode_format=encode_format, encode_quality=quality)
    for quality in bad:
        with pytest.raises(OptionError, match=f"encode_quality.*{encode_format}"):
            Options("l", encode_format=encode_format, encode_quality=quality)


def test_png_has_a_default_of_its_own() -> None:
    assert Options("l", encode_format="png").encoder_quality == 6
    assert Options("l", encode_format="png", encode_quality=9).encoder_quality == 9


@pytest.mark.parametrize("computed", [None, "md5"])
def test_the_verified_hash_must_be_the_computed_one(computed: str | None) -> None:
    with pytest.raises(OptionError, match=r"verify_hash.*compute_hash"):
        Options("l", verify_hash=["column", "sha256"], compute_hash=computed)
    Options("l", verify_hash=["column", "md5"], compute_hash="md5")


@pytest.mark.parametrize("column", RESERVED_COLUMNS)
def test_names_of_ours_cannot_be_additional_columns(column: str) -> None:
    with pytest.raises(OptionError, match=f"contains {column}: img2dataset reserves"):
        Options("l", save_additional_columns=["fine", column])


@pytest.mark.parametrize(
    "contact", ["me@a.org", "mailto:me@a.org", "https://a.org/bot?x=1", "http://a.org"]
)
def test_a_contact_is_an_address_to_write_to(contact: str) -> None:
    assert Options("list.txt", user_agent_contact=contact).user_agent_contact == contact


@pytest.mark.parametrize(
    "contact",
    ["", "me", "a.org", "me@a.org)", "me@a.org; x", "me@a.org\r\nX: y", "m\u00e9@a.org", "ftp://a"],
)
def test_what_nobody_can_write_to_is_refused(contact: str) -> None:
    with pytest.raises(OptionError, match=r"user_agent_contact is .* an e-mail address or an http"):
        Options("list.txt", user_agent_contact=contact)


def test_a_contact_that_would_not_be_sent_is_refused() -> None:
    with pytest.raises(OptionError, match="write the contact into user_agent"):
        Options("list.txt", user_agent="me/1.0", user_agent_contact="me@a.org")


def test_the_column_of_signals_cannot_be_an_additional_one() -> None:
    assert Options("list.txt", save_additional_columns=["opt_out"])
    with pytest.raises(OptionError, match="save_opt_out_signals stores something"):
        Options("list.txt", save_additional_columns=["opt_out"], save_opt_out_signals=True)


def test_boxes_cannot_be_blurred_without_encoding() -> None:
    with pytest.raises(OptionError, match=r"disable_all_reencoding.*bbox_col"):
        Options("l", disable_all_reencoding=True, bbox_col="boxes")
    with pytest.raises(OptionError, match=r"disable_all_reencoding.*convert_to_srgb"):
        Options("l", disable_all_reencoding=True, convert_to_srgb=True)


@pytest.mark.parametrize(
    ("named", "boxes", "columns"),
    [
        (None, None, ()),
        (["a", "b", "a"], None, ("a", "b")),
        (["a"], "boxes", ("a", "boxes")),
        (["boxes", "a"], "boxes", ("a", "boxes")),
        (None, "boxes", ("boxes",)),
    ],
)
def test_the_column_of_boxes_is_kept_as_the_last(
    named: list[str] | None, boxes: str | None, columns: tuple[str, ...]
) -> None:
    options = Options("l", save_additional_columns=named, bbox_col=boxes)

    assert options.additional_columns == columns


def test_what_shapes_the_output_is_part_of_the_runs_identity() -> None:
    options = Options("l")
    same = replace(options, thread_count=1, output_folder="x", retries=3, enable_wandb=True)

    assert shaping_options(options) == shaping_options(same)
    for changed in (
        replace(options, image_size=1),
        replace(options, number_sample_per_shard=1),
        replace(options, url_col="u"),
    ):
        assert shaping_options(options) != shaping_options(changed)


def test_one_text_for_a_list_of_texts_says_how_to_write_it() -> None:
    with pytest.raises(OptionError, match=r"a list of texts or None; write \['\*'\]$"):
        Options("list.txt", save_additional_columns="*")
