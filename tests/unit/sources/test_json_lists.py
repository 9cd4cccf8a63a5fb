"""json -> rows."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from img2dataset.errors import OptionError, SourceError
from img2dataset.sources import json_array, json_columns, open_source
from img2dataset.sources.reading import Reading
from tests.unit.sources.lists import config, fields_in, rows_in, shards_of, urls_in, write

JSON = config("json")
WITH_X = config("json", additional_columns=("x",))
FRAME = pd.DataFrame({"url": ["http://a", "http://b"], "x": [1, 2]}, index=[7, 3])


@pytest.mark.parametrize("orient", ["columns", "records", "list"])
@pytest.mark.parametrize("indent", [None, 2])
def test_rows_and_columns_are_understood(orient: str, indent: int | None, tmp_path: Path) -> None:
    if orient == "list":
        text = json.dumps(FRAME.to_dict("list"), indent=indent)
    else:
        text = FRAME.to_json(orient=orient, indent=indent)
    path = write(tmp_path / "a.json", text)

    assert fields_in(path, WITH_X) == [
        {"x": 1, "url": "http://a"},
        {"x": 2, "url": "http://b"},
    ]


def test_many_columns_values_are_cut_into_shards(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", json.dumps({"url": [f"http://{n}" for n in range(10_000)]}))

    assert [shard.count for shard in shards_of(path, JSON, 4000)] == [4000, 4000, 2000]


@pytest.mark.parametrize("block", [1, 5, 50])
def test_an_array_is_streamed_in_blocks_of_any_size(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.content, "__defaults__", (block,))
    records = [{"url": f"http://猫/{n}]}},[{{", "x": {"y": [n], "z": '\\"'}} for n in range(50)]
    text = "\ufeff \n" + json.dumps(records, ensure_ascii=False, indent=1) + "\n"

    assert fields_in(write(tmp_path / "a.json", text), WITH_X) == [
        {"x": record["x"], "url": record["url"]} for record in records
    ]


@pytest.mark.slow
def test_the_first_shard_comes_before_the_file_is_read(tmp_path: Path) -> None:
    records = [{"url": f"http://example.com/{n}"} for n in range(100_000)]
    source = open_source(write(tmp_path / "a.json", json.dumps(records)), JSON)

    next(source.shards(100))

    assert source.fraction_read() < 0.01


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"http://a"', "is not a JSON list: it begins with '\"http://a\"'"),
        ('[{"url": "http://a"}', "malformed JSON after element 1"),
        ('[{"url": "http://a"} {"url": "http://b"}]', "malformed JSON after element 1"),
        ('[{"url": "http://a"}, {"url: "http://b"}]', "malformed JSON at element 2"),
        ('{"url": "http://a"}\n{"url": "http://b"}\n', "input_format must be 'jsonl'"),
        ('{"url": "http://a", "x": null}', "for JSON lines input_format is 'jsonl'"),
        ('{"url": ["http://a"]', "malformed JSON"),
        ('{"url": ["http://a"], "x": [1, 2]}', "not of the same length"),
        ('{"url": ["http://a"], "x": {"0": 1}}', "must all be objects, or all lists"),
        ("[1, 2]", "is an array without objects"),
        ("[" * 100_000, "malformed JSON at element 1"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", text)

    with pytest.raises(OptionError, match=message) as caught:
        open_source(path, WITH_X)

    assert path in str(caught.value)


@pytest.mark.slow
def test_a_file_that_ends_early_is_a_source_error_after_its_good_part(tmp_path: Path) -> None:
    records = [{"url": f"http://example.com/{n}"} for n in range(2 * json_columns.BATCH_ROWS)]
    shards = open_source(write(tmp_path / "a.json", json.dumps(records)[:-20]), JSON).shards(100)

    assert next(shards).count == 100
    with pytest.raises(SourceError, match="malformed JSON"):
        list(shards)


def test_an_endless_object_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_array, "MAX_OBJECT_CHARACTERS", 1000)
    monkeypatch.setattr(Reading.content, "__defaults__", (500,))
    path = write(tmp_path / "a.json", '[{"url": "' + "x" * 1_000_000)
    held: list[int] = []
    find = json_array.ElementEnd.find

    def noted(scan: json_array.ElementEnd, text: str, start: int) -> int | None:
        held.append(len(text))
        return find(scan, text, start)

    monkeypatch.setattr(json_array.ElementEnd, "find", noted)

    with pytest.raises(OptionError, match="malformed JSON at element 1: cut off"):
        open_source(path, JSON)

    assert max(held) <= 2000


def test_half_surrogates_are_replaced(tmp_path: Path) -> None:
    assert urls_in(write(tmp_path / "a.json", '[{"url": "\\ud83dx"}]'), JSON) == ["?x"]


def test_an_element_that_is_too_long_costs_its_own_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_array, "MAX_OBJECT_CHARACTERS", 1000)
    captions = ["small", "x" * 900, 'y\\"[{' * 10_000, "last"]
    records = [{"url": f"http://{n}", "c": caption} for n, caption in enumerate(captions)]
    path = write(tmp_path / "a.json", json.dumps(records))

    for block in (100, 333):  # what is read in one piece is parsed at once
        monkeypatch.setattr(Reading.content, "__defaults__", (block,))
        rows = rows_in(path, config("json", caption_col="c"))
        assert [row.url for row in rows] == ["http://0", "http://1", None, "http://3"]
        assert rows[2].problem == "3: longer than 1000 characters"


@pytest.mark.parametrize("block", [7, 1 << 20])
@pytest.mark.parametrize(
    ("element", "problem"),
    [
        ('{"url": "http://b" "x"}', "not valid JSON"),
        ('{"url": http://b}', "not valid JSON"),
        # the decoder of Python 3.12 reads the first, that of 3.14 both
        ('{"m": ' + "[" * 1_200 + "]" * 1_200 + "}", "not valid JSON (nested too deeply)"),
        ("[" * 5_000 + "]" * 5_000, "not valid JSON (nested too deeply)"),
        ('"]},{["', "not a JSON object"),
        ("[[1], {}]", "not a JSON object"),
    ],
)
def test_a_malformed_element_is_a_failed_row(
    element: str, problem: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.content, "__defaults__", (block,))
    path = write(tmp_path / "a.json", f'[{{"url": "http://a"}}, {element}, {{"url": "http://c"}}]')

    rows = rows_in(path, JSON)

    assert [row.url for row in rows] == ["http://a", None, "http://c"]
    assert rows[1].problem is not None
    assert rows[1].problem.startswith(f"2: {problem}")


@pytest.mark.slow
def test_keys_that_come_after_the_first_thousands_are_found(tmp_path: Path) -> None:
    records: list[dict[str, str]] = [{"url": "http://a"}] * (json_columns.BATCH_ROWS + 1)
    path = write(tmp_path / "a.json", json.dumps([*records, {"url": "http://b", "x": "late"}]))

    assert fields_in(path, WITH_X)[-1] == {"x": "late", "url": "http://b"}


def test_the_example_of_a_malformed_element_is_how_it_begins(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '[{"url": "http://a/1"}, {"url": nonsense}]')
    source = open_source(path, JSON)
    list(source.shards(10))

    assert """ '{"url": nonsense}""" in source.findings()[0]
