"""Lists that are not UTF-8 -> the right letters, or a line that names the encoding."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from img2dataset.errors import OptionError
from img2dataset.sources import open_source
from tests.unit.sources.lists import config, fields_in, problems_in, write

WESTERN = [
    "café",
    "Größe",
    "“quoted” — dash…",
    "5 °C",
    "señor Nuñez",
    "naïve",
    "l\u2019été",
    "100 €",
]
FOREIGN = [
    ("cp1251", ["Привет, мир", "Москва", "зима"]),
    ("cp1250", ["zażółć gęślą", "właściciel", "miłość"]),
    ("gb18030", ["中文标题", "图片说明", "城市"]),
    ("shift_jis", ["テスト", "日本語", "ひらがな"]),
    ("euc_kr", ["한국어", "사진", "설명"]),
    ("mac_roman", ["café noir", "Müller", "über alles"]),
    ("cp850", ["café noir", "Mädchen", "über alles"]),
]


def listed(captions: list[str], encoding: str, input_format: str = "csv") -> bytes:
    delimiter = "," if input_format == "csv" else "\t"
    lines = [f"url{delimiter}c", *(f'http://a{delimiter}"{text}"' for text in captions)]
    return "\r\n".join([*lines, ""]).encode(encoding)


@pytest.mark.parametrize("input_format", ["csv", "tsv"])
def test_captions_in_windows_1252_keep_their_letters_and_a_line_says_so(
    input_format: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a", listed(["plain", *WESTERN], "cp1252", input_format))
    reading = config(input_format, caption_col="c")

    source = open_source(path, reading)
    list(source.shards(10))

    assert [row["caption"] for row in fields_in(path, reading)] == ["plain", *WESTERN]
    for notices in (source.notices, source.findings()):
        (notice,) = notices
        assert "read as windows-1252" in notice
        assert "line 3" in notice
        assert "iconv" in notice
    assert source.findings()[0].startswith("8 lines of the list are not UTF-8")


@pytest.mark.parametrize(("encoding", "captions"), FOREIGN)
def test_a_list_in_another_encoding_is_refused_before_the_work(
    encoding: str, captions: list[str], tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", listed(captions, encoding))

    with pytest.raises(OptionError, match=r"is not UTF-8 text \(line . is the first.*iconv"):
        open_source(path, config("csv", caption_col="c"))

    assert len(fields_in(path, config("csv"))) == len(captions)  # nothing is asked for but URLs


def test_a_few_lines_in_another_encoding_cost_letters_and_are_said(tmp_path: Path) -> None:
    data = listed(["plain"] * 10, "utf-8") + 'http://b,"Москва"\n'.encode("cp1251")
    reading = config("csv", caption_col="c")

    source = open_source(write(tmp_path / "a.csv", data), reading)
    list(source.shards(10))

    (finding,) = source.findings()
    assert finding.startswith("1 line of the list is not UTF-8: the bytes that cannot be read")
    assert "line 12" in finding


def test_a_url_is_not_guessed(tmp_path: Path) -> None:
    data = b"url,c\nhttp://a/\xe9.jpg,x\nhttp://b,caf\xe9\n"

    assert problems_in(write(tmp_path / "a.csv", data), config("csv", caption_col="c")) == [
        "2: the URL is not UTF-8",
        None,
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("input_format", ["txt", "csv", "jsonl", "json", "csv.gz", "json.gz"])
def test_utf16_is_refused_with_advice(encoding: str, input_format: str, tmp_path: Path) -> None:
    data = "".join(f"url,c http://a.example/{number}\r\n" for number in range(9)).encode(encoding)
    packed = gzip.compress(data) if input_format.endswith(".gz") else data
    name = "UTF-32" if encoding == "utf-32" else "UTF-16"

    with pytest.raises(OptionError, match=rf"is {name} text: convert .* iconv -f {name} -t UTF-8"):
        open_source(write(tmp_path / "a", packed), config(input_format))
