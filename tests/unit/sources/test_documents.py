"""Lists of documents with several URLs each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.sources import SourceConfig, open_source
from tests.unit.sources.lists import content, fields_in, shards_of, write

MMC4: list[dict[str, Any]] = [
    {"page": "p0", "images": [{"raw_url": "http://a/0", "name": "x"},
                              {"raw_url": "http://a/1", "name": "y"}]},
    {"page": "p1", "images": []},
    {"page": "p2", "images": [{"raw_url": "http://a/2", "name": None}]},
]  # fmt: skip
OBELICS: list[dict[str, Any]] = [
    {"images": [None, "http://a/0", None, "http://a/1"], "texts": ["t", None, "u", None]},
    {"images": [None], "texts": ["v"]},
    {"images": ["http://a/2"], "texts": [None]},
]
FORMATS = ["jsonl", "json", "parquet"]


def reading(input_format: str, url_col: str, **options: Any) -> SourceConfig:
    return SourceConfig.of(Options("list", input_format=input_format, url_col=url_col, **options))


@pytest.mark.parametrize("input_format", FORMATS)
@pytest.mark.parametrize("path", ["images[*].raw_url", "images.raw_url"])
def test_each_url_of_a_document_is_a_row_with_its_place(
    input_format: str, path: str, tmp_path: Path
) -> None:
    url_list = write(tmp_path / f"a.{input_format}", content(MMC4, input_format))
    wanted = reading(
        input_format, path, caption_col="images[*].name", save_additional_columns=["page"]
    )

    assert fields_in(url_list, wanted) == [
        {"page": page, "document_index": document, "url_position": position, "caption": name,
         "url": f"http://a/{url}"}
        for page, document, position, name, url in
        [("p0", 0, 0, "x", 0), ("p0", 0, 1, "y", 1), ("p2", 2, 0, None, 2)]
    ]  # fmt: skip


@pytest.mark.parametrize("input_format", FORMATS)
def test_nulls_have_no_row_but_their_positions(input_format: str, tmp_path: Path) -> None:
    url_list = write(tmp_path / f"a.{input_format}", content(OBELICS, input_format))

    fields = fields_in(
        url_list, reading(input_format, "images[*]", save_additional_columns=["texts"])
    )

    assert [(each["document_index"], each["url_position"], each["url"]) for each in fields] == [
        (0, 1, "http://a/0"), (0, 3, "http://a/1"), (2, 0, "http://a/2"),
    ]  # fmt: skip
    assert fields[0]["texts"] == ["t", None, "u", None]


@pytest.mark.parametrize("input_format", FORMATS)
def test_documents_are_counted_over_all_files(input_format: str, tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / f"{name}.{input_format}", content(MMC4, input_format))
    wanted = reading(input_format, "images[*].raw_url")

    source = open_source(str(tmp_path), wanted)
    first, again = ([shard.rows.column("document_index").to_pylist() for shard in source.shards(2)]  # type: ignore[union-attr]
                    for _ in range(2))  # fmt: skip

    assert first == again == [[0, 0], [2], [3, 3], [5]]
    assert source.fraction_read() == 1.0


def test_one_json_object_with_the_rows_inside(tmp_path: Path) -> None:
    redcaps = {"info": {"year": 2020}, "annotations": [
        {"url": "http://a/0", "caption": "one", "image_id": "k0"},
        {"url": "http://a/1", "caption": "two", "image_id": "k1"},
    ]}  # fmt: skip
    path = write(tmp_path / "a.json", json.dumps(redcaps, indent=1))

    fields = fields_in(
        path,
        reading(
            "json", "annotations.url", caption_col="annotations.caption",
            rename_columns=["annotations.image_id=image_id", "info.year=year"],
            save_additional_columns=["image_id", "year"],
        ),
    )  # fmt: skip

    assert fields[1] == {
        "image_id": "k1", "year": 2020, "document_index": 0, "url_position": 1, "caption": "two",
        "url": "http://a/1",
    }  # fmt: skip


def test_lists_in_lists_are_gone_through_in_order(tmp_path: Path) -> None:
    document = {"posts": [{"id": 1, "pictures": ["http://a/0", "http://a/1"]},
                          {"id": 2, "pictures": ["http://a/2"]}]}  # fmt: skip
    path = write(tmp_path / "a.jsonl", json.dumps(document))

    fields = fields_in(path, reading("jsonl", "posts.pictures", caption_col="posts.id"))

    assert [(each["url_position"], each["caption"], each["url"][-1]) for each in fields] == [
        (0, "1", "0"), (1, "1", "1"), (2, "2", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize("input_format", FORMATS)
def test_columns_inside_objects_need_no_lists(input_format: str, tmp_path: Path) -> None:
    records = [{"url": "http://a/0", "meta": {"text": "x", "size": {"w": 5}}}]
    path = write(tmp_path / f"a.{input_format}", content(records, input_format))

    options: dict[str, Any] = {
        "caption_col": "meta.text", "save_additional_columns": ["meta.size.w"],
    }  # fmt: skip
    assert fields_in(path, reading(input_format, "url", **options)) == [
        {"meta.size.w": 5, "caption": "x", "url": "http://a/0"}
    ]


@pytest.mark.parametrize("input_format", FORMATS)
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("images[*].rawurl", "did you mean .*raw_url'"),
        ("image[*].raw_url", "did you mean 'images"),
        ("raw_url", r"did you mean 'images\[\*\]\.raw_url'"),
        ("images[*]", "lists or objects, not URLs"),
        ("images", r"url_col=images\[\*\]"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_before_work(
    input_format: str, path: str, words: str, tmp_path: Path
) -> None:
    url_list = write(tmp_path / f"a.{input_format}", content(MMC4, input_format))

    with pytest.raises(OptionError, match=words) as caught:
        open_source(url_list, reading(input_format, path))
    assert "\n" not in str(caught.value)


def test_a_malformed_document_is_one_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f"{json.dumps(MMC4[0])}\nnonsense\n{json.dumps(MMC4[2])}\n")
    (shard,) = shards_of(path, reading("jsonl", "images[*].raw_url"))

    rows = shard.rows.to_pylist()  # type: ignore[union-attr]
    assert [row["document_index"] for row in rows] == [0, 0, 1, 2]
    assert rows[2]["_problem"].startswith("2: not valid JSON")


def test_a_column_of_files_is_typed_over_the_list(tmp_path: Path) -> None:
    for number, kind in enumerate((pa.int8(), pa.float64())):
        pq.write_table(
            pa.table({"i": [["http://a"]], "n": pa.array([1], kind)}),
            tmp_path / f"{number}.parquet",
        )

    shards = shards_of(str(tmp_path), reading("parquet", "i[*]", save_additional_columns=["n"]))

    assert {shard.rows.schema.field("n").type for shard in shards} == {pa.float64()}  # type: ignore[union-attr]


@pytest.mark.parametrize("input_format", FORMATS)
def test_a_list_of_documents_has_its_own_columns_only(input_format: str, tmp_path: Path) -> None:
    url_list = write(tmp_path / f"a.{input_format}", content(MMC4, input_format))
    wanted = reading(input_format, "images[*].raw_url", caption_col="images[*].name")

    assert open_source(url_list, wanted).all_names() == ["page", "images"]


@pytest.mark.parametrize("input_format", FORMATS)
def test_a_renamed_index_of_the_documents_keeps_its_values(
    input_format: str, tmp_path: Path
) -> None:
    documents = [{"document_index": 70 + n, "images": [f"http://a/{n}"]} for n in range(2)]
    url_list = write(tmp_path / f"a.{input_format}", content(documents, input_format))
    wanted = reading(
        input_format, "images[*]", save_additional_columns=["own"],
        rename_columns=["document_index=own"],
    )  # fmt: skip

    rows = fields_in(url_list, wanted)

    assert [(row["own"], row["document_index"]) for row in rows] == [(70, 0), (71, 1)]


LISTS = [{"url": "http://a/0", "c": ["x"], "d": [{"x": 1}], "i": [{"u": "http://a/1", "t": ["p"]}]}]


@pytest.mark.parametrize("input_format", FORMATS)
@pytest.mark.parametrize("url_col", ["url", "i[*].u"])
@pytest.mark.parametrize(
    "options",
    [
        {"caption_col": "c[*]"}, {"save_additional_columns": ["c[*]"]}, {"where": '"c[*]" > 3'},
        {"caption_col": "d[*].x"}, {"caption_col": "i[*].t[*]"},
    ],
)  # fmt: skip
def test_a_column_of_several_values_a_row_is_refused_before_work(
    input_format: str, url_col: str, options: dict[str, Any], tmp_path: Path
) -> None:
    url_list = write(tmp_path / f"a.{input_format}", content(LISTS, input_format))

    with pytest.raises(OptionError, match="into the elements of a list only if url_col does"):
        open_source(url_list, reading(input_format, url_col, **options))


@pytest.mark.parametrize("input_format", FORMATS)
@pytest.mark.parametrize("url_col", ["url", "i[*].u"])
@pytest.mark.parametrize("column", ["c.x", "d.x"])
def test_paths_that_no_column_can_be_are_not_proposed(
    input_format: str, url_col: str, column: str, tmp_path: Path
) -> None:
    url_list = write(tmp_path / f"a.{input_format}", content(LISTS, input_format))

    with pytest.raises(OptionError, match=f"'{column}': .* has no such column") as caught:
        open_source(url_list, reading(input_format, url_col, caption_col=column))
    assert "c[*]" not in str(caught.value)
    assert "d[*]" not in str(caught.value)


def test_a_name_of_csv_may_look_like_a_path(tmp_path: Path) -> None:
    url_list = write(tmp_path / "a.csv", "url,c[*]\nhttp://a/0,x\n")

    assert fields_in(url_list, reading("csv", "url", caption_col="c[*]"))[0]["caption"] == "x"
