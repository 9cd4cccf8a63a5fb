"""jsonl -> rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from img2dataset.errors import OptionError
from img2dataset.sources import load_table, open_source
from img2dataset.sources.reading import Reading
from tests.unit.sources.lists import (
    config,
    fields_in,
    problems_in,
    rows_in,
    shards_of,
    urls_in,
    write,
)

JSONL = config("jsonl")
WITH_X = config("jsonl", additional_columns=("x",))


def column(values: list[Any], tmp_path: Path) -> Any:
    """The column that becomes of `values`."""
    lines = [json.dumps({"url": "http://a", "x": value}) for value in values]
    (shard,) = shards_of(write(tmp_path / "a.jsonl", "\n".join(lines)), WITH_X)
    return load_table(shard, WITH_X).column("x")


@pytest.mark.parametrize("block", [30, 1 << 20])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, -3], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([True, None], pa.bool_()),
        (["a", "7"], pa.string()),
        ([[1], [], None, [2.5]], pa.list_(pa.float64())),
        ([{"a": 1}, {"b": "x"}], pa.struct([("a", pa.int64()), ("b", pa.string())])),
        ([None, None], pa.string()),
        ([[], [None]], pa.list_(pa.string())),
        ([{}, {}], pa.string()),
        ([1, "a"], pa.string()),
        ([True, 1], pa.string()),
        ([[1], ["a"]], pa.string()),
        ([[1], 1], pa.string()),
        ([2**64, 1], pa.string()),
    ],
)
def test_a_column_has_one_type_that_fits_the_whole_file(
    values: list[Any], expected: Any, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.content, "__defaults__", (block,))

    assert column(values, tmp_path).type == expected


def test_values_without_a_common_type_become_their_json(tmp_path: Path) -> None:
    values = [1, "a", None, [1, {"b": None}], 2.5, True, 2**70, [2**70]]

    assert column(values, tmp_path).to_pylist() == [
        "1", "a", None, '[1,{"b":null}]', "2.5", "true", str(2**70), f"[{2**70}]",
    ]  # fmt: skip


def test_long_whole_numbers_are_not_rounded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"url": 12345678901234567890123}\n{"url": "x"}\n')

    assert urls_in(path, JSONL) == ["12345678901234567890123", "x"]


def test_whole_numbers_among_fractions_become_fractions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.content, "__defaults__", (30,))

    assert column([2**60, 0.5], tmp_path).to_pylist() == [2.0**60, 0.5]
    assert column([[2**60], [0.5], None], tmp_path).to_pylist() == [[2.0**60], [0.5], None]


def test_what_is_no_text_becomes_text_in_url_and_caption(tmp_path: Path) -> None:
    captions = [7, 7.5, True, None, ["a"], {"b": 1}, "x"]
    lines = [json.dumps({"url": 5, "c": caption}) for caption in captions]
    path = write(tmp_path / "a.jsonl", "\n".join(lines))

    fields = fields_in(path, config("jsonl", caption_col="c"))

    assert [row["caption"] for row in fields] == [
        "7", "7.5", "true", None, '["a"]', '{"b":1}', "x",
    ]  # fmt: skip
    assert {row["url"] for row in fields} == {"5"}


def test_missing_keys_are_null(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"url": "http://a", "x": 1}\n{}\n{"url": "http://c"}')

    assert fields_in(path, WITH_X) == [
        {"x": 1, "url": "http://a"},
        {"x": None, "url": None},
        {"x": None, "url": "http://c"},
    ]
    assert set(problems_in(path, WITH_X)) == {None}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"url": "http://b"', "not valid JSON"),
        (b'"http://b"', "not a JSON object"),
        (b"http://b", "not valid JSON"),
        (b'{"url": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "not valid JSON (nested too deeply)"),
        (b'{"url":"' + b"x" * 16_000_000 + b'"}', "longer than 16000000 bytes"),
    ],
)
def test_a_malformed_line_is_a_failed_row(line: bytes, problem: str, tmp_path: Path) -> None:
    good = b'{"url": "http://a"}'
    path = write(tmp_path / "a.jsonl", b"\n".join([good, b"", line, good]))

    rows = rows_in(path, JSONL)

    assert [row.url for row in rows] == ["http://a", None, "http://a"]
    assert rows[1].problem is not None
    assert rows[1].problem.startswith(f"3: {problem}")


def test_nan_and_half_surrogates_are_taken(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '{"url": "http://a", "x": NaN}\n{"url": "\\ud800b", "x": 1}\n'
    )

    rows = rows_in(path, WITH_X)

    assert [row.url for row in rows] == ["http://a", "?b"]
    assert str(rows[0].fields["x"]) == "nan"


def test_a_file_without_one_object_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "http://a\nhttp://b\n")

    with pytest.raises(OptionError, match="is not JSON lines"):
        open_source(path, JSONL)


LATE = ['{"url": "http://a"}', '{"url": "http://b"}', '{"url": "http://c", "x": "late"}']


@pytest.mark.parametrize("block", [30, 1 << 20])
@pytest.mark.parametrize("end", ["", "\n"])
def test_keys_that_come_late_are_found(
    block: int, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.content, "__defaults__", (block,))
    path = write(tmp_path / "a.jsonl", "\n".join(LATE) + end)

    assert [row["x"] for row in fields_in(path, WITH_X)] == [None, None, "late"]
    with pytest.raises(OptionError, match=r"has no such column; its columns are 'url', 'x'$"):
        open_source(path, config("jsonl", caption_col="y"))


def test_a_key_that_only_another_file_has_is_null(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", LATE[0])
    write(tmp_path / "b.jsonl", "\n".join(LATE))

    rows = fields_in(str(tmp_path), config("jsonl", caption_col="x"))

    assert [row["caption"] for row in rows] == [None, None, None, "late"]


def test_malformed_lines_are_shown(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "a.jsonl", '{"url": "http://a"}\n{"url": \n'), JSONL)
    list(source.shards(10))

    (finding,) = source.findings()
    assert finding.startswith("1 line of the list is malformed")
    assert """a.jsonl, line 2, '{"url": ': not valid JSON""" in finding
