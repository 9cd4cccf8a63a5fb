"""The shard's metadata table."""

from __future__ import annotations

import pyarrow as pa
import pytest

from img2dataset.formats.metadata import MetadataTable, make_storable
from tests.unit.formats.shard import CONFIG, TIMEOUT, picture, shard_of


def test_the_order_of_writing_does_not_matter() -> None:
    shard = shard_of({"n": [0, 1, 2]}, picture(), TIMEOUT, picture())
    tables = []
    for order in ([0, 1, 2], [2, 0, 1]):
        metadata = MetadataTable(shard.table, CONFIG)
        for index in order:
            metadata.add(shard.samples()[index])
        tables.append(metadata.finish())

    assert tables[0].equals(tables[1])


def test_input_columns_in_several_pieces_are_taken() -> None:
    shard = shard_of({}, TIMEOUT, TIMEOUT)
    pieces = pa.concat_tables([shard.table.slice(0, 1), shard.table.slice(1)])
    metadata = MetadataTable(pieces, CONFIG)
    for sample in shard.samples():
        metadata.add(sample)

    assert metadata.finish()["url"].to_pylist() == shard.table["url"].to_pylist()


@pytest.mark.parametrize(
    "kind",
    [
        pa.int8(), pa.float16(), pa.string(), pa.date64(), pa.decimal256(50, 2), pa.binary(3),
        pa.list_(pa.struct({"a": pa.int8()})), pa.dictionary(pa.int8(), pa.string()), pa.null(),
        pa.timestamp("ns", "Europe/Berlin"), pa.time64("ns"), pa.duration("us"), pa.large_binary(),
    ],
)  # fmt: skip
def test_types_that_parquet_has_are_left_alone(kind: pa.DataType) -> None:
    column = pa.chunked_array([pa.nulls(2, kind)])

    assert make_storable(column) is column


def test_a_type_that_parquet_does_not_have_becomes_json() -> None:
    column = pa.chunked_array([pa.array([{}, None, {}], pa.struct([]))])

    assert make_storable(column).to_pylist() == ["{}", None, "{}"]
