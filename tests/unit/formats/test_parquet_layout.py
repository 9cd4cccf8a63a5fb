"""parquet_layout: the Hub's image column, and a default that has not changed but for the page index."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.errors import OptionError
from img2dataset.formats import ShardReader, check_options, image_column
from img2dataset.formats.image_column import describe_type, make_column_settings
from img2dataset.formats.parquet import read_samples
from img2dataset.options import Options
from img2dataset.records import EncodedImage, Failure
from img2dataset.storage.folder import Folder
from tests.contract.test_writers import ODD
from tests.unit.formats.shard import CONFIG, NAME, TIMEOUT, jpeg, mixed, picture, shard_of, store

HF = replace(CONFIG, parquet_layout="hf")
FILE = f"{NAME}.parquet"


def features_of(schema: pa.Schema) -> dict[str, Any]:
    features: dict[str, Any] = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    return features


def test_the_images_are_an_image_column_of_the_hub(tmp_path: Path) -> None:
    store("parquet", Folder(str(tmp_path)), mixed(), HF)

    file = pq.ParquetFile(tmp_path / FILE)
    schema = file.schema_arrow
    # datasets takes the feature only if the type is this one exactly, nullable and in this order
    assert schema.field("jpg").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert features_of(schema)["jpg"] == {"_type": "Image"}
    assert features_of(schema)["n"] == {"dtype": "int64", "_type": "Value"}
    assert list(features_of(schema)) == schema.names
    images = file.read()["jpg"].to_pylist()
    assert images[0] == {"bytes": jpeg(), "path": "000030000.jpg"}
    assert [image is None for image in images] == [False, False, True, False, True]
    chunking = {"min_chunk_size": 262144, "max_chunk_size": 1048576, "norm_level": 0}
    for key in (b"content_defined_chunking", b"use_content_defined_chunking"):
        assert json.loads(file.metadata.metadata[key]) == chunking


def test_the_columns_are_stored_as_the_hub_stores_them(tmp_path: Path) -> None:
    outcomes: list[EncodedImage | Failure] = [picture(), TIMEOUT]
    shard = shard_of({"n": list(range(250))}, *outcomes * 125)
    store("parquet", Folder(str(tmp_path)), shard, HF)

    stored = pq.ParquetFile(tmp_path / FILE).metadata
    groups = [stored.row_group(number) for number in range(stored.num_row_groups)]
    assert [group.num_rows for group in groups] == [100, 100, 50]
    for column in (groups[0].column(place) for place in range(stored.num_columns)):
        assert column.has_offset_index
        is_image = column.path_in_schema.startswith("jpg.")
        assert (column.compression == "UNCOMPRESSED") is is_image
        if is_image:
            assert not {"PLAIN_DICTIONARY", "RLE_DICTIONARY"} & set(column.encodings)


def test_images_are_read_back(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    store("parquet", folder, shard_of({}, picture(b""), TIMEOUT, picture(b"data")), HF)

    reader = ShardReader(folder, NAME, frozenset([FILE]), None, read_content=True)
    assert [sample.files["jpg"].data for sample in read_samples(reader)] == [b"", b"data"]


@pytest.mark.parametrize(
    ("kind", "feature"),
    [
        (pa.float32(), {"dtype": "float32", "_type": "Value"}),
        (pa.date32(), {"dtype": "date32", "_type": "Value"}),
        (pa.timestamp("ms", "UTC"), {"dtype": "timestamp[ms, tz=UTC]", "_type": "Value"}),
        (pa.decimal128(5, 2), {"dtype": "decimal128(5, 2)", "_type": "Value"}),
        (
            pa.list_(pa.int64(), 2),
            {"feature": {"dtype": "int64", "_type": "Value"}, "length": 2, "_type": "List"},
        ),
        (
            pa.large_list(pa.bool_()),
            {"feature": {"dtype": "bool", "_type": "Value"}, "_type": "LargeList"},
        ),
        (pa.struct([("a", pa.null())]), {"a": {"dtype": "null", "_type": "Value"}}),
        (pa.list_(pa.map_(pa.string(), pa.int8())), None),
        (pa.struct([("d", pa.dictionary(pa.int8(), pa.string()))]), None),
    ],
)
def test_types_have_the_names_that_datasets_gives_them(kind: pa.DataType, feature: Any) -> None:
    assert describe_type(kind) == feature


def test_a_type_that_datasets_lacks_is_stored_as_one_that_it_has(tmp_path: Path) -> None:
    store("parquet", Folder(str(tmp_path)), shard_of(ODD, picture()), HF)

    table = pq.read_table(tmp_path / FILE)
    assert json.loads(table["map"][0].as_py()) == [["k", 1]]
    assert table.schema.field("choice").type == pa.string()
    assert list(features_of(table.schema)) == table.column_names


def test_the_default_layout_differs_by_its_page_index_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [Folder(str(tmp_path / name)) for name in ("now", "before")]
    store("parquet", folders[0], mixed())

    def make_old_settings(schema: pa.Schema) -> dict[str, Any]:
        return {**make_column_settings(schema), "write_page_index": False}

    monkeypatch.setattr(image_column, "make_column_settings", make_old_settings)
    store("parquet", folders[1], mixed())

    now, before = (pq.ParquetFile(tmp_path / name / FILE) for name in ("now", "before"))
    assert now.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert now.read().equals(before.read())
    assert describe_columns(now, indexed=True) == describe_columns(before, indexed=False)


def describe_columns(file: pq.ParquetFile, *, indexed: bool) -> list[tuple[Any, ...]]:
    """Everything but the sizes: with an index, page headers have no statistics of their own."""
    group = file.metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    assert {column.has_offset_index for column in columns} == {indexed}
    return [
        (
            column.path_in_schema,
            column.compression,
            column.encodings,
            column.statistics and column.statistics.to_dict(),
        )
        for column in columns
    ]


@pytest.mark.parametrize(("version", "refused"), [("20.0.0", True), ("21.0.0", False)])
def test_a_pyarrow_that_cannot_write_it_is_told(
    monkeypatch: pytest.MonkeyPatch, version: str, *, refused: bool
) -> None:
    monkeypatch.setattr(pa, "__version__", version)
    check_options(Options("l", output_format="parquet"))
    options = Options("l", output_format="parquet", parquet_layout="hf")
    if not refused:
        check_options(options)
        return
    with pytest.raises(OptionError, match="pip install 'pyarrow>=21'"):
        check_options(options)


def test_another_format_has_no_layouts() -> None:
    with pytest.raises(OptionError, match="only output_format parquet has it"):
        Options("l", output_format="webdataset", parquet_layout="hf")
