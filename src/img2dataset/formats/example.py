"""A document -> a serialised `tf.train.Example`, and its frame in a TFRecord file.

The message is Example { Features features = 1 }, Features { map<string, Feature> feature = 1 },
Feature { oneof { BytesList = 1, FloatList = 2, Int64List = 3 } }, each list { repeated value = 1 };
numbers are packed.  It is encoded here, so that TensorFlow is not needed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import google_crc32c

from img2dataset.json_text import to_json, to_utf8

BYTES_LIST, FLOAT_LIST, INT64_LIST = 1, 2, 3
"""Field numbers in Feature."""
INT64 = range(-(2**63), 2**63)


def encode_example(features: Mapping[str, Any], empty: Mapping[str, int] | None = None) -> bytes:
    """Encode features in their order; `empty` has the list types of nulls and empty lists."""
    kinds = empty or {}
    entries = [
        _encode_field(
            1,
            _encode_field(1, to_utf8(name))
            + _encode_field(2, encode_feature(value, kinds.get(name))),
        )
        for name, value in features.items()
    ]
    return _encode_field(1, b"".join(entries))


def encode_feature(value: Any, empty: int | None = None) -> bytes:
    """int and bool -> int64_list, float -> float_list, list -> by its elements, rest -> bytes.

    `empty` is the kind of a column of numbers or lists: its nulls have that kind too.
    """
    values = value if isinstance(value, (list, tuple)) else (value,)
    if not values or (value is None and empty is not None):
        return _encode_field(empty or BYTES_LIST, b"")  # a null among numbers is not a text
    if empty == FLOAT_LIST:
        values = [math.nan if element is None else element for element in values]
    elif empty == INT64_LIST:
        values = [element for element in values if element is not None]  # a null has no integer
    if all(isinstance(element, int) and element in INT64 for element in values):
        return _encode_field(INT64_LIST, _encode_field(1, b"".join(map(_encode_varint, values))))
    if all(isinstance(element, float) for element in values):
        return _encode_field(FLOAT_LIST, _encode_field(1, b"".join(map(_encode_float32, values))))
    return _encode_field(
        BYTES_LIST, b"".join(_encode_field(1, _as_bytes(element)) for element in values)
    )


def frame_record(record: bytes) -> bytes:
    """Put a record between its length and the checksums."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, compute_masked_crc(length), record, compute_masked_crc(record)))


def _as_bytes(value: Any) -> bytes:
    match value:
        case None:
            return b""
        case str():
            return to_utf8(value)
        case bytes():
            return value
        case _:  # an object, a list in a list, an integer beyond 64 bits
            return to_json(value)


def _encode_float32(number: float) -> bytes:
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, number))


def _encode_field(number: int, data: bytes) -> bytes:
    """Encode a field of the wire type LEN."""
    return b"".join((bytes((number << 3 | 2,)), _encode_varint(len(data)), data))


def _encode_varint(number: int) -> bytes:
    if 0 <= number < 0x80:
        return bytes((number,))
    rest = number & 0xFFFF_FFFF_FFFF_FFFF  # negative ones take ten bytes
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def compute_masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    rotated = (crc >> 15 | crc << 17) & 0xFFFF_FFFF
    return struct.pack("<I", (rotated + 0xA282_EAD8) & 0xFFFF_FFFF)
