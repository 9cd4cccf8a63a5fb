"""shuffle."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.errors import OptionError, SourceError
from img2dataset.options import Options
from img2dataset.sources import SourceConfig, open_source, shuffling, tables
from img2dataset.sources.shuffling import shuffle_rows
from tests.unit.sources.lists import content, fields_in, shards_of, urls_in, write

HOSTS, ROWS_OF_HOST = 6, 50
RECORDS = [
    {"url": f"http://{host}.example/{number}", "n": host * ROWS_OF_HOST + number}
    for host in range(HOSTS)
    for number in range(ROWS_OF_HOST)
]
FORMATS = ["txt", "csv", "json", "jsonl.gz", "parquet", "table", "frame"]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffling, "TURN_ROWS", 16)
    monkeypatch.setattr(shuffling, "WINDOW_ROWS", 64)
    monkeypatch.setattr(tables, "SHUFFLED_ROWS", 8)


def reading(input_format: str, seed: int | None = 1, **options: Any) -> SourceConfig:
    return SourceConfig.of(Options("list", input_format=input_format, shuffle=seed, **options))


def make(input_format: str, folder: Path) -> tuple[Any, str]:
    """A list sorted by host, a file or row group for each, and the format that it is read in."""
    if input_format == "table":
        return pa.Table.from_pylist(RECORDS), "parquet"
    if input_format == "frame":
        return pd.DataFrame(RECORDS), "parquet"
    if input_format == "parquet":
        for number in range(2):
            half = RECORDS[number::2]
            pq.write_table(
                pa.Table.from_pylist(half), folder / f"{number}.parquet", row_group_size=25
            )
        return str(folder), input_format
    for host in range(HOSTS):
        part = RECORDS[host * ROWS_OF_HOST : (host + 1) * ROWS_OF_HOST]
        write(folder / f"{host}.{input_format}", content(part, input_format))
    return str(folder), input_format


@pytest.mark.parametrize("input_format", FORMATS)
def test_every_row_is_there_once_in_the_order_of_the_seed(
    input_format: str, tmp_path: Path
) -> None:
    url_list, read_as = make(input_format, tmp_path)

    one = urls_in(url_list, reading(read_as, 1))

    assert Counter(one) == Counter(each["url"] for each in RECORDS)
    assert urls_in(url_list, reading(read_as, 1)) == one
    assert (
        urls_in(url_list, reading(read_as, 2)) != one != urls_in(url_list, reading(read_as, None))
    )


@pytest.mark.parametrize("input_format", FORMATS)
def test_hosts_are_mixed(input_format: str, tmp_path: Path) -> None:
    url_list, read_as = make(input_format, tmp_path)

    for shard in shards_of(url_list, reading(read_as), size=50)[:4]:
        urls = shard.rows.column("url").to_pylist()  # type: ignore[union-attr]
        assert len({url.split("/")[2] for url in urls}) >= 3


def test_rows_keep_their_cells(tmp_path: Path) -> None:
    url_list, read_as = make("parquet", tmp_path)

    fields = fields_in(url_list, reading(read_as, save_additional_columns=["n"]))

    assert sorted(fields, key=lambda each: each["n"]) == RECORDS


def test_all_shards_are_full_but_the_last_and_numbered(tmp_path: Path) -> None:
    url_list, read_as = make("csv", tmp_path)

    shards = shards_of(url_list, reading(read_as), size=70)

    assert [shard.count for shard in shards] == [70, 70, 70, 70, 20]
    assert [shard.id for shard in shards] == [0, 1, 2, 3, 4]


def test_the_order_does_not_depend_on_how_parts_are_cut() -> None:
    table = pa.table({"n": range(500)})
    parts = [(0, 130), (130, 400), (400, 401), (401, 500)]

    def order(step: int) -> Any:
        def read(part: tuple[int, int]) -> Any:
            for start in range(*part, step):
                yield table.slice(start, min(step, part[1] - start)), 1.0

        windows = [each for each, _ in shuffle_rows(parts, read, 3)]
        assert [each.num_rows for each in windows] == [64] * 7 + [52]
        return pa.concat_tables(windows).column("n").to_pylist()

    assert order(1) == order(7) == order(1000)
    assert sorted(order(7)) == list(range(500))
    assert order(7)[:5] == FIRST_OF_SEED_3


FIRST_OF_SEED_3 = [2, 134, 28, 130, 1]
"""In every version of Python: a dataset is resumed by it."""


def test_with_conditions_and_duplicates(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", content([*RECORDS, *RECORDS], "csv"))

    fields = fields_in(
        path,
        reading("csv", where="n >= 200", deduplicate="url", save_additional_columns=["n"]),
    )

    assert sorted(each["n"] for each in fields) == list(range(200, 300))
    with pytest.raises(OptionError, match="no row of the list matches"):
        list(open_source(path, reading("csv", where="n > 1000")).shards(10))


@pytest.mark.parametrize("input_format", ["csv", "table"])
def test_captions_of_duplicates_stay_in_the_order_of_the_list(
    input_format: str, tmp_path: Path
) -> None:
    records = [{"url": f"http://a/{n % 10}", "t": f"{n:03}"} for n in range(200)]
    url_list: Any = pa.Table.from_pylist(records)
    if input_format == "csv":
        url_list = write(tmp_path / "a.csv", content(records, "csv"))
    more: dict[str, Any] = {"deduplicate": "url", "duplicate_captions": "all", "caption_col": "t"}

    fields = fields_in(url_list, reading(input_format.replace("table", "parquet"), **more))

    assert all(len(each["all_captions"]) == 20 for each in fields)
    assert all(each["all_captions"] == sorted(each["all_captions"]) for each in fields)
    assert any(each["caption"] != each["all_captions"][0] for each in fields)


@pytest.mark.parametrize("input_format", ["jsonl", "parquet"])
def test_documents_keep_their_numbers(input_format: str, tmp_path: Path) -> None:
    documents = [{"i": [f"http://a/{n}", None, f"http://b/{n}"]} for n in range(90)]
    for start in (0, 30, 60):
        part = documents[start : start + 30]
        write(tmp_path / f"{start}.{input_format}", content(part, input_format))

    config = reading(input_format, url_col="i[*]")
    found = fields_in(str(tmp_path), config)

    assert sorted(
        (each["document_index"], each["url_position"], each["url"]) for each in found
    ) == [
        (n, place, f"http://{host}/{n}") for n in range(90) for place, host in ((0, "a"), (2, "b"))
    ]


def test_malformed_lines_and_broken_files_are_told(tmp_path: Path) -> None:
    write(tmp_path / "0.csv", content(RECORDS[:200], "csv"))
    bad = write(tmp_path / "1.csv", "url,n\nhttp://a/1\n")
    source = open_source(str(tmp_path), reading("csv"))
    rows = [row for shard in source.shards(1000) for row in shard.rows.to_pylist()]  # type: ignore[union-attr]

    assert [row["_problem"] for row in rows if row["_problem"]] == ["2: 1 column instead of 2"]
    assert "1.csv, line 2" in source.findings()[0]

    Path(bad).write_bytes(b"\xff\xfeu\0")
    with pytest.raises(SourceError, match=r"1\.csv is UTF-16"):
        list(source.shards(1000))


def test_the_fraction_that_is_read_grows_to_the_end(tmp_path: Path) -> None:
    url_list, read_as = make("parquet", tmp_path)
    source = open_source(url_list, reading(read_as))

    fractions = [source.fraction_read() for _ in source.shards(50)]

    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < 0.7
    assert source.fraction_read() == 1


@pytest.mark.parametrize(
    ("value", "words"), [(-1, "0 or more"), ("a", "shuffle"), (1.5, "shuffle")]
)
def test_bad_values_are_refused(value: Any, words: str) -> None:
    with pytest.raises(OptionError, match=words) as caught:
        Options("list", shuffle=value)
    assert "\n" not in str(caught.value)
