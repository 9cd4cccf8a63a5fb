"""where: the condition, which rows match, and which row groups are read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.errors import OptionError, SourceError
from img2dataset.options import Options
from img2dataset.sources import SourceConfig, open_source
from tests.quick import few_quick
from tests.unit.sources.lists import content, fields_in, rows_in, shards_of, urls_in, write

RECORDS: list[dict[str, Any]] = [
    {"url": f"http://a/{number}", "n": number, "score": number / 10, "kind": kind, "rest": rest}
    for number, (kind, rest) in enumerate(
        [("cat", "x"), ("dog", None), ("Cat", "it's"), ("cow", "y"), ("dog", "100%")]
    )
]
FORMATS = ["csv", "tsv", "json", "jsonl", "parquet", "table", "frame"]


def reading(input_format: str, where: str, **options: Any) -> SourceConfig:
    return SourceConfig.of(Options("list", input_format=input_format, where=where, **options))


def found(url_list: Any, config: SourceConfig) -> str:
    return "".join(str(url)[-1] for url in urls_in(url_list, config))


CONDITIONS = [
    ("n > 2", "34"), ("n >= 2 AND n <> 3", "24"), ("n = 0 OR score >= 0.4", "04"),
    ("NOT n < 3", "34"), ("n < 1 or n > 1 and n < 3", "02"), ("(n < 1 OR n > 1) AND n < 3", "02"),
    ("kind = 'dog'", "14"), ("kind != 'dog'", "023"), ("kind IN ('cow', 'Cat')", "23"),
    ("kind not in ('cow', 'Cat')", "014"), ("kind LIKE 'c%'", "03"), ("kind NOT LIKE '_o_'", "02"),
    ("rest IS NULL", "1"), ("rest is not null", "0234"), ("rest = 'it''s'", "2"),
    ("n BETWEEN 1 AND 2", "12"), ("score = .3", "3"), ("n = 3.0", "3"), ("2 < n", "34"),
    ("score < n", "1234"), ('"n" == 1', "1"), ("`n` = 1", "1"), ("n > -1", "01234"),
    ("rest = 'x' OR rest = 'y'", "03"), ("NOT rest = 'x'", "234"), ("n > 1e0", "234"),
]  # fmt: skip


@pytest.mark.parametrize("input_format", few_quick(FORMATS, 3))
def test_rows_that_match_are_those_of_sql(input_format: str, tmp_path: Path) -> None:
    read_as = "parquet" if input_format in ("table", "frame") else input_format
    records = RECORDS
    conditions = CONDITIONS
    if input_format in ("csv", "tsv"):  # a text of csv is never null
        conditions = [(text, rows) for text, rows in CONDITIONS if "rest" not in text]
    url_list: Any = write(tmp_path / f"a.{read_as}", content(records, read_as))
    if input_format == "table":
        url_list = pa.Table.from_pylist(records)
    if input_format == "frame":
        url_list = pd.DataFrame(records)

    assert [(text, found(url_list, reading(read_as, text))) for text, _ in conditions] == conditions


def test_only_what_is_asked_for_is_stored_and_malformed_lines_stay(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", "url,n\nhttp://a/1,1\nhttp://a/2\nhttp://a/3,x\nhttp://a/4, 4 \n"
    )

    rows = rows_in(path, reading("csv", "n > 1"))

    assert [row.url for row in rows] == [None, "http://a/4"]
    assert dict(rows[1].fields) == {"url": "http://a/4"}
    assert rows[0].problem == "3: 1 column instead of 2"


def test_shards_are_full_although_rows_are_left_out(tmp_path: Path) -> None:
    records = [{"url": f"http://a/{number}", "n": number} for number in range(1000)]
    path = write(tmp_path / "a.parquet", content(records, "parquet"))

    shards = shards_of(path, reading("parquet", "n >= 900"), 40)

    assert [shard.count for shard in shards] == [40, 40, 20]


@pytest.mark.parametrize(
    ("where", "groups"),
    [
        ("n >= 25", [2, 3]), ("n = 12", [1]), ("n < 10 OR n > 35", [0, 3]), ("n < 0", []),
        ("8 > n", [0]), ("n != 5", [0, 1, 2, 3]), ("NOT n < 35", [0, 1, 2, 3]),
        ("n > 25 AND word = 'b'", []), ("word = 'b'", [1]), ("n = '5'", [0, 1, 2, 3]),
        ("n IN (3, 31)", [0, 3]), ("n BETWEEN 11 AND 22", [1, 2]), ("n IS NULL", [0, 1, 2, 3]),
        ("gap > 5", [0, 1, 2, 3]),
    ],
)  # fmt: skip
def test_only_row_groups_that_can_match_are_read(
    where: str, groups: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({
        "url": [f"http://a/{number}" for number in range(40)],
        "n": range(40), "word": [word for word in "abcd" for _ in range(10)],
        "gap": [float("nan")] * 40,
    })  # fmt: skip
    pq.write_table(table, path, row_group_size=10)
    read: list[int] = []
    plain = pq.ParquetFile.iter_batches

    def noted(self: Any, *args: Any, row_groups: list[int], **named: Any) -> Any:
        read.extend(row_groups)
        return plain(self, *args, row_groups=row_groups, **named)

    wanted = reading("parquet", where)
    source = open_source(str(path), wanted)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    with suppress(OptionError):  # no row of the list matches
        list(source.shards(100))

    assert read == groups


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("", "it must be a condition such as similarity > 0.3 AND width >= 512$"),
        ("n = NULL", "but = NULL is true of no row: write IS NULL"),
        ("n > 1 OR NULL <> n", "but <> NULL is true of no row: write IS NULL"),
        ("n >", "a column or a value is expected at the end"),
        ("n 5", "a comparison such as > is expected before '5'"),
        ("n > 5 m > 2", "AND or OR is expected before 'm'"),
        ("(n > 5", r"\) is expected at the end"),
        ("n > 5)", r"AND or OR is expected before '\)'"),
        ("n LIKE 5", "a text in single quotes is expected before '5'"),
        ("n IS 5", "NULL is expected before '5'"),
        ("n > 'a", '"\'a" is not understood'),
        ("n ; 5", "'; 5' is not understood"),
        ("n > 5x", "is not understood"),
    ],
)
def test_what_is_no_condition_is_refused(where: str, words: str) -> None:
    with pytest.raises(OptionError, match=words) as caught:
        reading("csv", where)
    assert str(caught.value).startswith("where is ")


@pytest.mark.parametrize("input_format", ["csv", "jsonl", "json", "parquet"])
def test_a_column_that_there_is_not_is_refused_before_work(
    input_format: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{input_format}", content(RECORDS, input_format))

    with pytest.raises(OptionError, match=r"where has the column 'Score'.*did you mean 'score'"):
        open_source(path, reading(input_format, "Score > 1"))


@pytest.mark.parametrize(
    "where", ["tags > 1", "tags LIKE 'a'", "n LIKE 'a'", "n > TRUE", "n > 'x'"]
)
def test_types_that_cannot_be_compared_are_refused_before_work(where: str, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet", content([{"url": "http://a", "n": 1, "tags": ["x"]}], "parquet")
    )

    with pytest.raises(
        OptionError, match=r"where is .*(cannot be compared|holds no texts|is not$)"
    ):
        open_source(path, reading("parquet", where))


def test_rows_of_documents_and_made_urls_are_filtered_too(tmp_path: Path) -> None:
    documents = [{"i": [{"u": "http://a/1", "w": 5}, {"u": "http://a/2", "w": 9}]}]
    for name in ("jsonl", "parquet"):
        path = write(tmp_path / f"a.{name}", content(documents, name))
        fields = fields_in(path, reading(name, "i[*].w > 6", url_col="i[*].u"))
        assert fields == [{"document_index": 0, "url_position": 1, "url": "http://a/2"}]
    path = write(tmp_path / "b.csv", content(RECORDS, "csv"))
    assert urls_in(path, reading("csv", "n = 3", url_template="http://b/{n}")) == ["http://b/3"]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_are_compared_with_dates(zone: str | None, tmp_path: Path) -> None:
    days = pa.array([0, 86_400, 172_800], pa.timestamp("s", zone))
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"url": [f"http://a/{n}" for n in range(3)], "day": days}), path)

    assert found(str(path), reading("parquet", "day > '1970-01-01'")) == "12"
    assert found(str(path), reading("parquet", "day >= '1970-01-02 00:00:01'")) == "2"
    with pytest.raises(OptionError, match=r"where is .*'abc'"):
        open_source(str(path), reading("parquet", "day > 'abc'"))


@pytest.mark.parametrize("input_format", FORMATS[:5])
def test_a_condition_takes_the_old_name_of_a_column_with_a_prefix(
    input_format: str, tmp_path: Path
) -> None:
    rows = [{"url": f"http://a/{width}", "width": width} for width in (1, 2)]
    url_list = write(tmp_path / f"a.{input_format}", content(rows, input_format))
    wanted = reading(
        input_format, "width > 1", save_additional_columns=["list_width"],
        rename_columns=["width=list_width"],
    )  # fmt: skip

    assert [row["list_width"] for row in fields_in(url_list, wanted)] == [2]


PAIRS: list[tuple[Any, Any]] = [
    (2.0, 100), (9, 10), (200, 100), (None, 100), (2**53 + 1, 2**53), (-3, 1e-7), ("b", "10"),
    ("b", "a"), (2**64, 2**64 - 1),
]  # fmt: skip
"""Of rows 0 to 8."""


@pytest.mark.parametrize("input_format", ["csv", "tsv", "json", "jsonl"])
def test_two_columns_are_compared_as_numbers_in_the_rows_that_have_them(
    input_format: str, tmp_path: Path
) -> None:
    records = [{"url": f"http://a/{number}", "a": a, "b": b} for number, (a, b) in enumerate(PAIRS)]
    path = write(tmp_path / f"a.{input_format}", content(records, input_format))

    assert found(path, reading(input_format, "a < b")) == "015"
    assert found(path, reading(input_format, "a > b")) == "24678"
    assert found(path, reading(input_format, "a != b")) == "01245678"


def test_numbers_of_text_columns_in_parquet_are_compared_as_those_of_csv(tmp_path: Path) -> None:
    records = [
        {"url": "http://a/0", "a": "9", "b": "10"},
        {"url": "http://a/1", "a": "x", "b": "y"},
    ]
    path = write(tmp_path / "a.parquet", content(records, "parquet"))

    assert found(path, reading("parquet", "a < b")) == "01"
    # long hex digests that are exponents too are no numbers
    digests = [{"url": "http://a/0", "a": "0e462097", "b": "0e830400"}]
    path = write(tmp_path / "b.parquet", content(digests, "parquet"))
    assert found(path, reading("parquet", "a != b")) == "0"


IDS = [{"url": f"http://a/{n}", "id": 1744000000000000006 + n, "h": n / 2} for n in range(3)]


@pytest.mark.parametrize("input_format", FORMATS)
def test_ids_of_64_bits_are_compared_exactly(input_format: str, tmp_path: Path) -> None:
    read_as = "parquet" if input_format in ("table", "frame") else input_format
    url_list: Any = write(tmp_path / f"a.{read_as}", content(IDS, read_as))
    if input_format == "table":
        url_list = pa.Table.from_pylist(IDS)
    if input_format == "frame":
        url_list = pd.DataFrame(IDS)

    def rows(where: str) -> str:
        return found(url_list, reading(read_as, where))

    assert rows("id = 1744000000000000007") == "1"
    assert rows("id > '1744000000000000007'") == "2"
    assert rows("id > 1.5") == rows("id > h") == rows("id < 1e300") == "012"
    assert rows("id < 18446744073709551616 AND id > -1e20") == "012"
    assert rows(f"id < 1{'0' * 400} AND id > -{'9' * 50}") == "012"


@pytest.mark.parametrize("kind", [pa.uint64(), pa.decimal128(38, 18), pa.float16()])
@pytest.mark.parametrize("is_file", [True, False])
def test_numbers_of_all_types_are_compared(
    kind: pa.DataType,
    tmp_path: Path,
    *,
    is_file: bool,
) -> None:
    table = pa.table({
        "url": [f"http://a/{number}" for number in range(3)],
        "u": pa.array([0, 2, None]).cast(kind), "n": pa.array([-1, 5, 5]),
    })  # fmt: skip
    url_list: Any = table
    if is_file:
        url_list = str(tmp_path / "a.parquet")
        pq.write_table(table, url_list)

    def rows(where: str) -> str:
        return found(url_list, reading("parquet", where))

    assert (
        rows("u > -1") == rows("u < 9223372036854775808") == rows("u < 99999999999999999") == "01"
    )
    assert rows("u > n") == "0"
    assert rows("u > 1.25") == rows("u = 2") == rows("u >= '2'") == "1"


def test_large_numbers_may_come_in_later_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    numbers = pa.array([1, 2**63, 5, 2**64 - 1], pa.uint64())
    table = pa.table({"url": [f"http://a/{n}" for n in range(4)], "h": numbers})
    pq.write_table(table, path, row_group_size=1)

    assert found(str(path), reading("parquet", "h > 3")) == "123"
    assert found(str(path), reading("parquet", "h > 9223372036854775808")) == "3"


def test_a_later_file_whose_type_cannot_be_compared_ends_the_run_in_one_line(
    tmp_path: Path,
) -> None:
    for number, value in enumerate([1, [1]]):
        records = [{"url": "http://a", "n": value}]
        write(tmp_path / f"{number}.parquet", content(records, "parquet"))

    with pytest.raises(SourceError, match=r"where is 'n > 0': 'n', which holds list.* cannot be"):
        shards_of(str(tmp_path), reading("parquet", "n > 0"))


@pytest.mark.parametrize("input_format", ["csv", "tsv"])
def test_a_blank_cell_is_an_empty_text(input_format: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a.{input_format}", content(RECORDS, input_format))

    assert found(path, reading(input_format, "rest <> ''")) == "0234"
    assert found(path, reading(input_format, "rest IS NOT NULL")) == "01234"
