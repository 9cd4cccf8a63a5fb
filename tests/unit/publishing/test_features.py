"""Types of columns -> features."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from img2dataset.publishing.features import make_feature, make_json_feature

MAP = pa.map_(pa.string(), pa.int64())
TEXT = {"dtype": "string"}


@pytest.mark.parametrize(
    ("kind", "feature", "in_json"),
    [
        (pa.int32(), {"dtype": "int32"}, {"dtype": "int32"}),
        (pa.bool_(), {"dtype": "bool"}, {"dtype": "bool"}),
        (pa.float32(), {"dtype": "float32"}, {"dtype": "float32"}),
        (pa.null(), {"dtype": "null"}, {"dtype": "null"}),
        (pa.large_string(), {"dtype": "large_string"}, TEXT),
        (pa.dictionary(pa.int8(), pa.string()), TEXT, TEXT),
        (pa.timestamp("ms", "UTC"), {"dtype": "timestamp[ms, tz=UTC]"}, TEXT),
        (pa.date32(), {"dtype": "date32"}, TEXT),
        (pa.time64("us"), {"dtype": "time64[us]"}, TEXT),
        (pa.duration("s"), {"dtype": "duration[s]"}, TEXT),
        (pa.decimal128(5, 2), {"dtype": "decimal128(5, 2)"}, TEXT),
        (pa.binary(), {"dtype": "binary"}, TEXT),
        (pa.binary(4), {"dtype": "fixed_size_binary[4]"}, TEXT),
        (pa.list_(pa.string()), {"list": "string"}, {"list": "string"}),
        (pa.large_list(pa.date32()), {"large_list": "date32"}, {"list": "string"}),
        (pa.list_(pa.int8(), 2), {"list": "int8", "length": 2}, {"list": "int8"}),
        (
            pa.list_(pa.struct([("a", pa.list_(pa.int8()))])),
            {"list": [{"name": "a", "list": "int8"}]},
            {"list": [{"name": "a", "list": "int8"}]},
        ),
        (pa.list_(pa.list_(pa.int8())), {"list": {"list": "int8"}}, {"list": {"list": "int8"}}),
        (MAP, None, None),
        (pa.struct([("a", MAP)]), None, None),
        (pa.list_(MAP), None, None),
    ],
)
def test_every_type_has_its_feature(kind: pa.DataType, feature: Any, in_json: Any) -> None:
    assert (make_feature(kind), make_json_feature(kind)) == (feature, in_json)
