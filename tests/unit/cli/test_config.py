"""--config and --print_config."""

from __future__ import annotations

import math
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.cli.config import read_config, to_toml
from img2dataset.cli.parse import parse
from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.options import Options


def options(*argv: str) -> Options:
    parsed = parse(argv)
    assert isinstance(parsed, Options)
    return parsed


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return f"--config={folder / name}"


def test_toml_gives_options_and_flags_override_them(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        "job.toml",
        'url_list = "u.txt"\nimage-size = 64\ntimeout = 2.5\nmax_image_area = inf\n'
        'save_additional_columns = ["a"]\nextract_exif = false\ncompute_hash = "None"\n',
    )

    read = options(config, "--image_size=32")

    assert read == Options(
        "u.txt",
        image_size=32,
        timeout=2.5,
        save_additional_columns=["a"],
        extract_exif=False,
        compute_hash=None,
    )


def test_a_positional_value_overrides_the_config(tmp_path: Path) -> None:
    config = written(tmp_path, "job.toml", 'url_list = "u.txt"\n')

    assert options("v.txt", config).url_list == "v.txt"


def test_yaml_texts_are_read_as_on_the_command_line(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        "job.yaml",
        "url_list: [u.txt, v.txt]\nresize_mode: no\noutput_folder: 2020\nurl_col: 007\n"
        "max_image_area: 1e6\nmax_aspect_ratio: .inf\nskip_reencode: yes\nextract_exif: off\n"
        "caption_col: ~\ncompute_hash: null\nbbox_col:\nsave_additional_columns:\n- a\n- b\n",
    )

    assert options(config) == Options(
        ["u.txt", "v.txt"],
        resize_mode="no",
        output_folder="2020",
        url_col="007",
        max_image_area=1e6,
        skip_reencode=True,
        extract_exif=False,
        compute_hash=None,
        save_additional_columns=["a", "b"],
    )


def test_an_empty_yaml_file_gives_nothing(tmp_path: Path) -> None:
    assert options("u.txt", written(tmp_path, "job.yml", "# nothing\n")) == Options("u.txt")


def test_yaml_without_its_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(MissingExtraError, match=r"pyyaml.*img2dataset\[yaml\]"):
        parse([written(tmp_path, "job.yaml", "image_size: 3\n")])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "image_sise = 3", "unknown option image_sise: did you mean image_size?"),
        ("a.toml", "print_config = true", "unknown option print_config"),
        ("a.toml", "[fetch]\ntimeout = 3", "unknown option fetch"),
        ("a.toml", "image_size = ", "is not TOML"),
        ("a.toml", 'image_size = "abc"', "image_size is 'abc': it must be a whole number"),
        ("a.toml", "output_folder = 3", "output_folder is 3: it must be text"),
        ("a.toml", "save_additional_columns = [1]", "it must be a list of texts"),
        ("a.yaml", "a: [", "is not YAML"),
        ("a.yaml", "- a\n- b", "must hold lines like"),
        ("a.yaml", "image_size:", "image_size is None: it must be a whole number"),
        ("a.json", "{}", "must end in .toml, .yaml or .yml"),
    ],
)
def test_a_wrong_config_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse(["u.txt", written(tmp_path, name, text)])

    assert message in str(caught.value)


def test_a_config_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be read: No such file"):
        read_config(str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes(b'url_col = "\xe9"')
    with pytest.raises(OptionError, match="is not UTF-8"):
        read_config(str(tmp_path / "latin.toml"))


def test_the_printed_config_needs_no_list() -> None:
    printed = str(parse(["--print_config"]))

    assert "# url_list = None" in printed
    assert "max_image_area = inf" in printed
    assert tomllib.loads(printed)["image_size"] == 256


# a text "None" is None, on the command line as in a file: no option has it as its text
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.lower() != "none"
)
lists = st.lists(texts, max_size=3)
numbers = st.floats(min_value=0, allow_nan=False)


@given(
    values=st.fixed_dictionaries(
        {"url_list": lists | texts.filter(lambda text: text[0] not in "[( \t\n")},
        optional={
            "image_size": st.integers(1, 65_500),
            "output_folder": texts,
            "caption_col": texts | st.none(),
            "compute_hash": st.sampled_from([None, "md5", "sha512"]),
            "extract_exif": st.booleans(),
            "max_image_area": numbers | st.just(math.inf),
            "max_aspect_ratio": st.floats(1, 1e6),
            "disallowed_header_directives": st.lists(st.sampled_from(["noai", "noml"])) | st.none(),
        },
    )
)
def test_the_printed_config_reads_back_the_same(
    values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    given_options = Options(**values)
    config = written(tmp_path_factory.getbasetemp(), "printed.toml", to_toml(given_options))

    assert options(config) == given_options
