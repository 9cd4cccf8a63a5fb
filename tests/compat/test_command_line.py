"""The spec's A2: every spelling of an option that scripts for the old tool may use."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest

from img2dataset.cli.parse import parse
from img2dataset.options import Options

A1 = """
    url_list image_size output_folder processes_count resize_mode resize_only_if_bigger
    upscale_interpolation downscale_interpolation encode_quality encode_format skip_reencode
    output_format input_format url_col caption_col bbox_col thread_count number_sample_per_shard
    extract_exif save_additional_columns timeout enable_wandb wandb_project oom_shard_count
    compute_hash verify_hash distributor subjob_size retries disable_all_reencoding min_image_size
    max_image_area max_aspect_ratio incremental_mode max_shard_retry user_agent_token
    disallowed_header_directives ignore_ssl_certificate
""".split()  # noqa: SIM905  (38 names are read more easily in lines)
A1_DEFAULTS = [
    256, "images", 1, "border", False,
    "lanczos", "area", 95, "jpg", False,
    "files", "txt", "url", None, None, 256, 10000,
    True, None, 10, False, "img2dataset", 5,
    "sha256", None, "multiprocessing", 1000, 0, False, 0,
    math.inf, math.inf, "incremental", 1, None,
    None, False,
]  # fmt: skip


def options(*argv: str) -> Options:
    parsed = parse(argv)
    assert isinstance(parsed, Options)
    return parsed


def test_the_options_are_those_of_the_old_tool_in_its_order() -> None:
    declared = fields(Options)

    assert [one.name for one in declared][: len(A1)] == A1
    assert [one.default for one in declared][1 : len(A1)] == A1_DEFAULTS


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        # name and value
        (["--image_size=64"], "image_size", 64),
        (["--image_size", "64"], "image_size", 64),
        (["--image-size=64"], "image_size", 64),
        (["--image-size", "64"], "image_size", 64),
        (["-image_size=64"], "image_size", 64),
        (["-n", "64"], "number_sample_per_shard", 64),
        (["-p=4"], "processes_count", 4),
        (["-b", "boxes"], "bbox_col", "boxes"),
        (["-w", "mine"], "wandb_project", "mine"),
        (["-v", "[a,sha256]"], "verify_hash", ["a", "sha256"]),
        # booleans
        (["--skip_reencode"], "skip_reencode", True),
        (["--skip-reencode"], "skip_reencode", True),
        (["--skip_reencode", "True"], "skip_reencode", True),
        (["--skip_reencode=true"], "skip_reencode", True),
        (["--skip_reencode=1"], "skip_reencode", True),
        (["--extract_exif=False"], "extract_exif", False),
        (["--extract_exif=false"], "extract_exif", False),
        (["--extract_exif", "False"], "extract_exif", False),
        (["--extract_exif", "false"], "extract_exif", False),
        (["--extract_exif", "0"], "extract_exif", False),
        (["--noextract_exif"], "extract_exif", False),
        (["--no-extract-exif"], "extract_exif", False),
        (["--no_extract_exif"], "extract_exif", False),
        (["--noextract-exif"], "extract_exif", False),
        # None
        (["--compute_hash=None"], "compute_hash", None),
        (["--compute_hash", "none"], "compute_hash", None),
        (["--caption_col", "None"], "caption_col", None),
        (["--save_additional_columns=None"], "save_additional_columns", None),
        # numbers
        (["--timeout=2.5"], "timeout", 2.5),
        (["--timeout", "3"], "timeout", 3),
        (["--max_image_area=1e6"], "max_image_area", 1e6),
        (["--max_image_area=inf"], "max_image_area", math.inf),
        (["--max_aspect_ratio", "inf"], "max_aspect_ratio", math.inf),
        (["--number_sample_per_shard=1_000"], "number_sample_per_shard", 1000),
        # strings stay strings
        (["--output_folder", "2020"], "output_folder", "2020"),
        (["--output_folder=1e6"], "output_folder", "1e6"),
        (["--output_folder=True"], "output_folder", "True"),
        (["--user_agent_token", "123"], "user_agent_token", "123"),
        (["--url_col=007"], "url_col", "007"),
        (["--output_folder=s3://bucket/a=b"], "output_folder", "s3://bucket/a=b"),
        (["--caption_col=a,b"], "caption_col", "a,b"),
        # lists
        (['--save_additional_columns=["a","b"]'], "save_additional_columns", ["a", "b"]),
        (["--save_additional_columns", '["a", "b"]'], "save_additional_columns", ["a", "b"]),
        (["--save_additional_columns=['a']"], "save_additional_columns", ["a"]),
        (["--save_additional_columns=('a','b')"], "save_additional_columns", ["a", "b"]),
        (["--save_additional_columns=[a,b]"], "save_additional_columns", ["a", "b"]),
        (["--save_additional_columns=[a, b]"], "save_additional_columns", ["a", "b"]),
        (["--save_additional_columns=a,b"], "save_additional_columns", ["a", "b"]),
        (["--save_additional_columns=a"], "save_additional_columns", ["a"]),
        (["--save_additional_columns", "007"], "save_additional_columns", ["007"]),
        (["--save_additional_columns=[1,2]"], "save_additional_columns", ["1", "2"]),
        (['--save_additional_columns=["a,b"]'], "save_additional_columns", ["a,b"]),
        (["--disallowed_header_directives=[]"], "disallowed_header_directives", []),
        (["--disallowed_header_directives", "[]"], "disallowed_header_directives", []),
        (['--verify_hash=["md","sha256"]'], "verify_hash", ["md", "sha256"]),
    ],
)
def test_a_spelling_means(argv: list[str], name: str, value: Any) -> None:
    read = getattr(options("urls.txt", *argv), name)

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["u.txt"], {"url_list": "u.txt"}),
        (["--url_list=u.txt"], {"url_list": "u.txt"}),
        (["--url_list", "u.txt", "--output_folder", "out"], {"output_folder": "out"}),
        (["u.txt", "64", "out", "2"], {"image_size": 64, "processes_count": 2}),
        (["u.txt", "64", "out", "2", "no", "True"], {"resize_only_if_bigger": True}),
        (["u.txt", "--timeout=3", "64"], {"url_list": "u.txt", "image_size": 64}),
        # as the old tool: positional values go where no flag names an option
        (["64", "--url_list=u.txt"], {"url_list": "u.txt", "image_size": 64}),
        # a bare boolean takes only what can be its value
        (["--enable_wandb", "--timeout=1", "u.txt"], {"enable_wandb": True, "timeout": 1}),
        (["--resize_only_if_bigger", "u.txt"], {"url_list": "u.txt"}),
        (["--skip_reencode", "false", "u.txt"], {"url_list": "u.txt", "skip_reencode": False}),
        (["--noextract_exif", "u.txt"], {"url_list": "u.txt", "extract_exif": False}),
        # given twice, the last one wins
        (["u.txt", "--timeout=1", "--timeout=2"], {"timeout": 2}),
        (["u.txt", "--extract_exif", "--noextract_exif"], {"extract_exif": False}),
    ],
)
def test_a_command_line_means(argv: Sequence[str], expected: dict[str, Any]) -> None:
    read = options(*argv)

    assert {name: getattr(read, name) for name in expected} == expected


@pytest.mark.slow
def test_python_m_does_the_same_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "img2dataset", "u.txt", "--print_config", "--image_size=8"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "image_size = 8\n" in done.stdout


@pytest.mark.slow
def test_an_unknown_flag_is_refused_before_anything_is_done() -> None:  # B1
    done = subprocess.run(
        [sys.executable, "-m", "img2dataset", "u.txt", "--thread_cout=8"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "img2dataset: error: unknown option --thread_cout: did you mean --thread_count?\n"
    )
