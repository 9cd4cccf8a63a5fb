"""One suite over every input format: what any source promises."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import Any

import fsspec
import orjson
import pyarrow as pa
import pytest

from img2dataset.errors import OptionError, SourceError
from img2dataset.options.choices import InputFormat
from img2dataset.records import PROBLEM
from img2dataset.sources import load_table, open_source
from img2dataset.sources.registry import FORMATS
from img2dataset.sources.rows import make_rows
from tests.quick import few_quick
from tests.unit.sources.lists import (
    compress,
    config,
    content,
    fields_in,
    problems_in,
    rows_in,
    shards_of,
    urls_in,
    write,
)

FOLDER = "folder"
INPUT_FORMATS = [
    *(
        name
        for name in InputFormat.names()
        if not name.endswith((".zst", ".bz2", ".xz")) and name != FOLDER
    ),
    *("txt.bz2", "csv.zst", "jsonl.xz"),
]
QUICK = {"txt", "csv", "tsv.gz", "json", "jsonl", "parquet", FOLDER}
"""One of each kind: how a file is packed is the same for all."""
WITH_COLUMNS = [name for name in INPUT_FORMATS if not name.startswith("txt")]
OF_LINES = [name for name in INPUT_FORMATS if name != "parquet"]


def each(names: list[str]) -> pytest.MarkDecorator:
    slow = pytest.mark.slow
    cases = [pytest.param(name, marks=() if name in QUICK else slow) for name in names]
    return pytest.mark.parametrize("input_format", cases)


every_format = each(INPUT_FORMATS)
every_list = each([*INPUT_FORMATS, FOLDER])
"""Also where the files are the rows."""
every_format_with_columns = each(WITH_COLUMNS)
every_format_of_lines = each(OF_LINES)

RECORDS: list[dict[str, Any]] = [
    {
        "link": f"http://example.com/{number}.jpg",
        "text": text,
        "digest": f"{number:064x}",
        "n": 2**53 + number,
        "a.b": "007",
    }
    for number, text in enumerate(
        ["plain", 'comma, quote " and tab \t', "Größe 猫 🐈", "two\nlines", "007", "NA", "null", ""]
    )
]
URLS = [{"url": f"http://example.com/{number}.jpg"} for number in range(25)]


def write_list(folder: Path, records: Any, input_format: str, name: str = "list") -> str:
    if input_format == FOLDER:
        (folder / name).mkdir()
        for number, _ in enumerate(records):
            (folder / name / f"{number:05}.jpg").touch()
        return str(folder / name)
    return write(folder / f"{name}.{input_format}", content(records, input_format))


def everything(input_format: str) -> Any:
    return config(
        input_format,
        "link",
        caption_col="text",
        additional_columns=("n", "a.b"),
        verify_hash=("digest", "sha256"),
    )


def test_every_input_format_has_a_module() -> None:
    assert {name.partition(".")[0] for name in InputFormat.names()} == set(FORMATS)


@every_format_with_columns
def test_the_same_rows_go_in_and_come_out(input_format: str, tmp_path: Path) -> None:
    path = write_list(tmp_path, RECORDS, input_format)

    rows = rows_in(path, everything(input_format))

    assert [list(row.fields.items()) for row in rows] == [
        [
            ("n", record["n"]),
            ("a.b", record["a.b"]),
            ("caption", record["text"]),
            ("sha256", record["digest"]),
            ("url", record["link"]),
        ]
        for record in RECORDS
    ]
    assert [row.expected_hash for row in rows] == [record["digest"] for record in RECORDS]
    assert [row.url for row in rows] == [record["link"] for record in RECORDS]
    assert {row.problem for row in rows} == {None}


@every_format_with_columns
def test_a_column_may_be_asked_for_several_times(input_format: str, tmp_path: Path) -> None:
    path = write_list(tmp_path, RECORDS, input_format)
    reading = config(
        input_format,
        "link",
        caption_col="link",
        additional_columns=("text", "link", "digest"),
        verify_hash=("digest", "sha256"),
    )

    fields = fields_in(path, reading)[0]

    assert list(fields) == ["text", "link", "digest", "caption", "sha256", "url"]
    assert fields["link"] == fields["caption"] == fields["url"] == RECORDS[0]["link"]


@every_format
def test_shards_are_slices_of_each_file(input_format: str, tmp_path: Path) -> None:
    write_list(tmp_path, URLS, input_format, "b")
    write_list(tmp_path, URLS[:10], input_format, "a")
    reading = config(input_format)

    source = open_source(str(tmp_path), reading)
    shards = list(source.shards(10, first_id=7))

    assert [file.url.rpartition("/")[2] for file in source.files] == [
        f"a.{input_format}",
        f"b.{input_format}",
    ]
    assert [(shard.id, shard.count) for shard in shards] == [(7, 10), (8, 10), (9, 10), (10, 5)]
    tables = [load_table(shard, reading) for shard in shards]
    assert [table.num_rows for table in tables] == [10, 10, 10, 5]
    urls = [url for table in tables for url in table["url"].to_pylist()]
    assert urls == [record["url"] for record in URLS[:10] + URLS]
    assert source.fraction_read() == 1.0


@every_list
def test_a_source_can_be_read_again(input_format: str, tmp_path: Path) -> None:
    source = open_source(write_list(tmp_path, URLS, input_format), config(input_format))

    assert [shard.count for shard in source.shards(20)] == [20, 5]
    assert [shard.count for shard in source.shards(25)] == [25]


@pytest.mark.parametrize("input_format", few_quick([*INPUT_FORMATS, FOLDER]))
def test_shards_are_small_when_pickled(input_format: str, tmp_path: Path) -> None:
    records = [{"url": f"http://example.com/{number}.jpg"} for number in range(5000)]
    path = write_list(tmp_path, records, input_format)

    for shard in shards_of(path, config(input_format), 10)[:3]:
        assert len(pickle.dumps(shard)) < 3000


@every_list
def test_the_fraction_read_grows_with_the_shards(input_format: str, tmp_path: Path) -> None:
    source = open_source(write_list(tmp_path, URLS, input_format), config(input_format))

    seen = [source.fraction_read()] + [source.fraction_read() for _ in source.shards(5)]

    assert seen == sorted(seen)
    assert seen[0] == 0
    assert 0.1 < seen[1] < 0.3  # a fifth of the rows


@every_list
def test_tables_have_one_schema_for_all_shards(input_format: str, tmp_path: Path) -> None:
    reading = config(input_format)
    shards = shards_of(write_list(tmp_path, URLS, input_format), reading, 10)

    (schema,) = {load_table(shard, reading).schema for shard in shards}

    last = [PROBLEM] if input_format in (*OF_LINES, FOLDER) else []
    assert schema.names == ["url", *last]
    assert schema.field("url").type == pa.string()


@every_format_with_columns
def test_whole_numbers_keep_their_type(input_format: str, tmp_path: Path) -> None:
    records = [
        {"url": "http://a/1.jpg", "big": 2**63 - 1},
        {"url": "http://a/2.jpg", "big": -(2**63)},
    ]
    reading = config(input_format, additional_columns=("big",))

    (shard,) = shards_of(write_list(tmp_path, records, input_format), reading)

    table = load_table(shard, reading)
    assert table.schema.field("big").type == pa.int64()
    assert table["big"].to_pylist() == [2**63 - 1, -(2**63)]


@every_format_with_columns
def test_numbers_become_text_where_text_is_wanted(input_format: str, tmp_path: Path) -> None:
    path = write_list(tmp_path, [{"url": 1, "c": 7}, {"url": 2, "c": 8}], input_format)

    rows = rows_in(path, config(input_format, caption_col="c"))

    assert [dict(row.fields) for row in rows] == [
        {"caption": "7", "url": "1"},
        {"caption": "8", "url": "2"},
    ]


@every_format_with_columns
def test_boxes_are_parsed_and_kept(input_format: str, tmp_path: Path) -> None:
    boxes = [[[0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 1.0, 1.0]], []]
    is_text = "csv" in input_format or "tsv" in input_format
    records = [
        {"url": f"http://a/{number}", "b": orjson.dumps(value).decode() if is_text else value}
        for number, value in enumerate(boxes)
    ]
    path = write_list(tmp_path, records, input_format)

    rows = rows_in(path, config(input_format, additional_columns=("b",), bbox_col="b"))

    assert [row.boxes for row in rows] == boxes
    assert [row.fields["b"] for row in rows] == [record["b"] for record in records]


@every_format_with_columns
@pytest.mark.parametrize("option", ["url_col", "caption_col", "additional_columns", "verify_hash"])
def test_a_missing_column_is_named_with_those_there_are(
    input_format: str, option: str, tmp_path: Path
) -> None:
    path = write_list(tmp_path, [{"url": "http://a", "text": "b"}], input_format)
    values: dict[str, Any] = {
        "url_col": "nope",
        "caption_col": "nope",
        "additional_columns": ("nope",),
        "verify_hash": ("nope", "md5"),
    }

    with pytest.raises(OptionError) as caught:
        open_source(path, config(input_format, **{option: values[option]}))

    message = str(caught.value)
    assert "'nope'" in message
    assert "'url', 'text'" in message
    assert "\n" not in message
    assert option.removeprefix("additional_") in message


@every_format_with_columns
def test_a_missing_column_in_a_later_file_is_named_with_the_file(
    input_format: str, tmp_path: Path
) -> None:
    write_list(tmp_path, [{"url": "http://a"}], input_format, "a")
    later = write_list(tmp_path, [{"link": "http://a"}], input_format, "b")

    with pytest.raises((OptionError, SourceError), match=later) as caught:
        shards_of(str(tmp_path), config(input_format))

    assert "'link'" in str(caught.value)


@every_list
@pytest.mark.parametrize("name", ["list", "folder", "pattern"])
def test_what_does_not_exist_is_refused_in_one_line(
    input_format: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    url_list = str(tmp_path / (f"*.{input_format}" if name == "pattern" else name))

    with pytest.raises(OptionError) as caught:
        open_source(url_list, config(input_format))

    assert url_list in str(caught.value)
    assert "\n" not in str(caught.value)


@every_format
def test_an_empty_file_is_refused(input_format: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a.{input_format}", b"")

    with pytest.raises(
        OptionError, match=r"no rows|not a Parquet file|not a (gzip|xz|bzip2|Zstandard) file"
    ):
        open_source(path, config(input_format))


@every_format
def test_a_list_without_rows_is_refused(input_format: str, tmp_path: Path) -> None:
    records = [{"url": "http://a"}]
    plain = {"txt": b" \n\n", "csv": b"url\n", "tsv": b"url\n", "json": b"[ ]", "jsonl": b"\n \n"}
    base, _, ending = input_format.partition(".")
    if base == "parquet":
        sink = pa.BufferOutputStream()
        pa.parquet.write_table(pa.Table.from_pylist(records).slice(1), sink)
        data = sink.getvalue().to_pybytes()
    else:
        data = compress(plain[base], ending)
    path = write(tmp_path / f"a.{input_format}", data)

    with pytest.raises(OptionError, match="no rows"):
        open_source(path, config(input_format))


@every_format
def test_a_file_of_another_kind_is_refused(input_format: str, tmp_path: Path) -> None:
    other = "txt.gz" if input_format == "parquet" else "parquet"
    path = write(tmp_path / "list", content(URLS, other))

    with pytest.raises(OptionError, match=path):
        open_source(path, config(input_format))


@every_format
def test_lists_are_read_from_any_file_system(input_format: str) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/lists/{input_format}/a.{input_format}", content(URLS, input_format))
    try:
        urls = urls_in(f"memory://lists/{input_format}", config(input_format))
        assert urls == [record["url"] for record in URLS]
        assert (
            urls_in(f"memory://lists/{input_format}/*.{input_format}", config(input_format)) == urls
        )
    finally:
        memory.rm("/lists", recursive=True)


def test_folders_are_lists_as_files_are(tmp_path: Path) -> None:
    """Slices of each, in their order; read from any file system; one that goes away is an error."""
    folders = [
        write_list(tmp_path, URLS[:count], FOLDER, name) for name, count in (("b", 5), ("a", 3))
    ]
    reading = config(FOLDER)
    source = open_source(folders, reading)

    assert [(shard.id, shard.count, shard.file) for shard in source.shards(3, first_id=7)] == [
        (7, 3, 0), (8, 2, 0), (9, 3, 1)
    ]  # fmt: skip
    assert source.rows_total() == 8
    assert urls_in(folders, reading) == [
        *(f"file://{tmp_path}/b/{number:05}.jpg" for number in range(5)),
        *(f"file://{tmp_path}/a/{number:05}.jpg" for number in range(3)),
    ]
    memory = fsspec.filesystem("memory")
    memory.pipe({"/photos/b.jpg": b"", "/photos/sub/a.jpg": b"", "/photos/a.txt": b"http://x"})
    try:
        assert urls_in("memory://photos/", reading) == [
            "memory://photos/b.jpg", "memory://photos/sub/a.jpg"
        ]  # fmt: skip
    finally:
        memory.rm("/photos", recursive=True)
    rmtree(folders[1])
    with pytest.raises(SourceError, match=folders[1]):
        list(source.shards(3))


@every_format
def test_a_file_that_goes_away_is_a_source_error(input_format: str, tmp_path: Path) -> None:
    path = write_list(tmp_path, URLS, input_format)
    reading = config(input_format)
    source = open_source(path, reading)
    Path(path).unlink()

    with pytest.raises(SourceError, match=path):
        [load_table(shard, reading) for shard in source.shards(10)]


@pytest.mark.parametrize(
    ("input_format", "text", "line"),
    [
        ("txt", b"http://a\nhttp://\xff\nhttp://c\n", 2),
        ("csv", b"url,n\nhttp://a,1\nhttp://b\nhttp://c,3\n", 3),
        ("csv", b'url,n\nhttp://a,1\n"http://b"x,2\nhttp://c,3\n', 3),
        ("csv", b'url,n\nhttp://a,1\n"http://b,2\nhttp://c,3\n', 3),
        ("csv", b"url,n\nhttp://a,1\nhttp://\xff,2\nhttp://c,3\n", 3),
        ("tsv", b"url\tn\nhttp://a\t1\nhttp://b\t2\t3\nhttp://c\t3\n", 3),
        ("jsonl", b'{"url":"http://a"}\n{"url":"http://b"\n{"url":"http://c"}\n', 2),
        ("jsonl", b'{"url":"http://a"}\n["http://b"]\n{"url":"http://c"}\n', 2),
        ("json", b'[{"url":"http://a"},\n3,\n{"url":"http://c"}]', 2),
    ],
)
def test_a_malformed_line_is_one_row_with_its_number(
    input_format: str, text: bytes, line: int, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{input_format}", text)

    assert urls_in(path, config(input_format)) == ["http://a", None, "http://c"]
    first, problem, last = problems_in(path, config(input_format))
    assert first is last is None
    assert problem is not None
    assert problem.startswith(f"{line}: ")


@every_format
def test_every_value_can_be_written_as_json(input_format: str, tmp_path: Path) -> None:
    records = [{**record, "url": record["link"]} for record in RECORDS[:3]]
    path = write_list(tmp_path, records, input_format)
    reading = config(input_format)
    (shard,) = shards_of(path, reading)

    rows = make_rows(load_table(shard, reading), shard.id, reading, lambda index: f"{index:05d}")

    assert [orjson.loads(orjson.dumps(row.fields)) for row in rows] == [
        {"url": record["url"]} for record in records
    ]
    assert [(row.shard, row.index, row.key) for row in rows] == [
        (0, 0, "00000"),
        (0, 1, "00001"),
        (0, 2, "00002"),
    ]


@every_format_with_columns
def test_the_head_of_every_file_is_looked_at_before_work(input_format: str, tmp_path: Path) -> None:
    for number in range(40):
        write_list(tmp_path, URLS, input_format, f"part-{number:02}")
    assert len(open_source(str(tmp_path), config(input_format)).files) == 40

    bad = write_list(tmp_path, [{"link": "http://a"}], input_format, "part-33")

    with pytest.raises(OptionError, match=r"part-33\S+ has no such column.*'link'") as caught:
        open_source(str(tmp_path), config(input_format))
    assert bad in str(caught.value)


@every_format
def test_files_longer_than_a_head_are_not_mistaken_for_bad_ones(
    input_format: str, tmp_path: Path
) -> None:
    long = "x" * 70_000  # longer than a head: no line of it ends in there
    several = [{"url": f"http://a/{n}/{'y' * 300}"} for n in range(500)]
    for name, records in (("a", [{"url": long}]), ("b", several), ("c", URLS)):
        write_list(tmp_path, records, input_format, name)

    assert len(urls_in(str(tmp_path), config(input_format))) == 526


def noting(opened: list[str], plain: Callable[[str], Any]) -> Callable[[str], Any]:
    def opens(url: str) -> Any:
        opened.append(url)
        return plain(url)

    return opens


@pytest.mark.parametrize(
    "input_format", few_quick(["parquet", "csv", "tsv", "jsonl", "csv.gz", "jsonl.gz"], 6)
)
def test_files_that_begin_well_are_not_opened_once_more(
    input_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [{"url": f"http://a/{n}/{n * 12345}"} for n in range(9000)]
    for name in ("a", "b", "c"):
        write_list(tmp_path, many, input_format, name)
    opened: list[str] = []
    for module, what in (("reading", "open_bytes"), ("parquet_ranges", "open_parquet")):
        where = f"img2dataset.sources.{module}"
        monkeypatch.setattr(f"{where}.{what}", noting(opened, getattr(import_module(where), what)))

    open_source(str(tmp_path), config(input_format))

    # for the first rows, and of lines for whether there are rows at all
    assert len(opened) == (1 if input_format == "parquet" else 2)
