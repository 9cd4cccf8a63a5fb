"""Lists given in Python -> rows."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from img2dataset.errors import OptionError
from img2dataset.sources import load_table, open_source
from tests.unit.sources.lists import config, fields_in, rows_in, shards_of, urls_in, write

TXT = config()
URLS = ["http://a/1.jpg", "https://b/2.jpg"]


@pytest.mark.parametrize(
    "make",
    [list, tuple, iter, np.array, pd.Series, pa.array, lambda urls: pa.chunked_array([urls])],
)
def test_an_iterable_of_image_urls_is_a_list(make: Any) -> None:
    assert urls_in(make(URLS), TXT) == URLS


def test_every_item_is_a_row(tmp_path: Any) -> None:
    items = [" ", "http://a", None, "nonsense", 7, float("nan"), " http://b\n", "\ud800"]

    assert urls_in(items, TXT) == [None, "http://a", None, "nonsense", "7", None, "http://b", "?"]


@pytest.mark.parametrize("first", ["http://127.0.0.1:9/a.txt", "https://127.0.0.1:9/a.txt.gz?x"])
def test_urls_of_lists_are_not_image_urls(first: str) -> None:
    with pytest.raises(OptionError, match=r"127\.0\.0\.1"):  # it is looked for
        open_source([first], TXT)


def test_with_another_format_a_list_names_files() -> None:
    with pytest.raises(OptionError):
        open_source(["http://127.0.0.1:9/a.jpg"], config("csv"))


def test_a_list_of_urls_has_no_columns() -> None:
    with pytest.raises(OptionError, match="caption_col is 'c'"):
        open_source(URLS, config(caption_col="c"))


@pytest.mark.parametrize("make", [pa.table, pd.DataFrame])
@pytest.mark.parametrize("input_format", ["txt", "parquet"])
def test_tables_are_lists_whatever_the_format(make: Any, input_format: str) -> None:
    table = make({"link": URLS, "text": ["x", None], "n": [1, 2], "other": [0, 0]})
    reading = config(input_format, "link", caption_col="text", additional_columns=("n",))

    source = open_source(table, reading)

    assert source.rows_total() == 2
    assert fields_in(table, reading) == [
        {"n": 1, "caption": "x", "url": URLS[0]},
        {"n": 2, "caption": None, "url": URLS[1]},
    ]


def test_a_record_batch_is_a_table() -> None:
    assert urls_in(pa.record_batch({"url": URLS}), TXT) == URLS


def test_shards_of_a_table_are_small_when_pickled() -> None:
    table = pa.table({"url": [f"http://{n}" for n in range(100_000)]})
    source = open_source(table, TXT)

    seen = [(shard.count, len(pickle.dumps(shard))) for shard in source.shards(40_000)]

    assert [count for count, _ in seen] == [40_000, 40_000, 20_000]
    assert seen[2][1] < 600_000
    assert source.fraction_read() == 1


def test_a_frame_with_values_of_several_types_becomes_text() -> None:
    frame = pd.DataFrame({"url": ["http://a", 5, None, float("nan")], "x": [1, "a", [2], None]})

    rows = rows_in(frame, config(additional_columns=("x",)))

    assert [row.url for row in rows] == ["http://a", "5", None, None]
    assert [row.fields["x"] for row in rows] == ["1", "a", "[2]", None]


def test_a_frame_keeps_the_types_of_its_columns() -> None:
    frame = pd.DataFrame({"url": URLS, "t": pd.to_datetime(["2020-01-01", None]), 3: [1.5, None]})
    reading = config(additional_columns=("t", "3"))
    (shard,) = shards_of(frame, reading)

    table = load_table(shard, reading)

    assert pa.types.is_timestamp(table.schema.field("t").type)
    assert table["3"].to_pylist() == [1.5, None]
    assert fields_in(frame, reading)[0]["t"] == "2020-01-01T00:00:00"


def test_the_index_of_a_frame_does_not_matter() -> None:
    assert urls_in(pd.DataFrame({"url": URLS}, index=[5, 5]), TXT) == URLS


@pytest.mark.parametrize("make", [pa.table, pd.DataFrame])
def test_a_missing_column_is_named_with_those_there_are(make: Any) -> None:
    with pytest.raises(OptionError, match=r"url_col is 'url': .* its columns are 'link'"):
        open_source(make({"link": URLS}), TXT)


def test_a_column_that_is_there_twice_is_refused() -> None:
    frame = pd.DataFrame([["http://a", "http://b"]], columns=["url", "url"])

    with pytest.raises(OptionError, match="2 columns of that name"):
        open_source(frame, TXT)


@pytest.mark.parametrize("empty", [pa.table({"url": []}), pd.DataFrame({"url": []}), []])
def test_a_list_without_rows_is_refused(empty: Any) -> None:
    with pytest.raises(OptionError, match=r"no rows|is empty"):
        open_source(empty, TXT)


def test_fingerprints_tell_contents_apart() -> None:
    def fingerprint(table: Any) -> str:
        return open_source(table, TXT).files[0].fingerprint

    table = pa.table({"url": ["http://a", "http://b"]})
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])

    assert fingerprint(table) == fingerprint(chunked)
    assert fingerprint(table) == fingerprint(
        pa.table({"url": ["x", *table["url"].to_pylist()]}).slice(1)
    )
    assert fingerprint(table) != fingerprint(pa.table({"url": ["http://a", "http://c"]}))
    assert fingerprint(table) != fingerprint(table.slice(0, 1))


def test_a_path_and_a_list_of_paths_are_not_image_urls(tmp_path: Any) -> None:
    path = write(tmp_path / "a.txt", "http://a\n")

    assert urls_in(iter([path]), TXT) == ["http://a"]
