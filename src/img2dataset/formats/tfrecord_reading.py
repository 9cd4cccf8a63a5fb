"""A TFRecord file, read from its beginning to its end -> its records; a record -> its features."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from img2dataset.errors import DamagedError
from img2dataset.formats.example import compute_masked_crc
from img2dataset.formats.reading import Readable, read_exactly

MAX_RECORD_BYTES = 1 << 40
"""A longer record is damage that the checksum of the length did not show."""
WIRE_TYPE_LEN = 2
"""protobuf's wire type of bytes, texts and messages."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a TFRecord file."""

    data: bytes = field(repr=False)
    frame: bytes = field(repr=False)
    """The record as it is in the file, with length and checksums around it."""


def read_records(file: Readable) -> Iterator[Record]:
    """Yield the records in their order, without seeking in `file`.

    Raises:
        DamagedError: the file is cut short, or a checksum is wrong.
    """
    while first := file.read(1):
        head = first + read_exactly(file, 11, "tfrecord")
        length = head[:8]
        _check_crc(length, head[8:])
        size = struct.unpack("<Q", length)[0]
        if size > MAX_RECORD_BYTES:
            raise DamagedError("tfrecord: a record of impossible length")
        rest = read_exactly(file, size + 4, "tfrecord")
        data = rest[:-4]
        _check_crc(data, rest[-4:])
        yield Record(data, head + rest)


def _check_crc(data: bytes, crc: bytes) -> None:
    if compute_masked_crc(data) != crc:
        raise DamagedError("tfrecord: a checksum is wrong")


def parse_bytes_features(example: bytes) -> dict[str, bytes]:
    """Parse a `tf.train.Example`: name -> first value of each bytes_list.

    Raises:
        DamagedError: it is not an Example.
    """
    found = {}
    for features in _iterate_fields(example, 1):
        for entry in _iterate_fields(features, 1):
            name = b"".join(_iterate_fields(entry, 1))
            for feature in _iterate_fields(entry, 2):
                for values in _iterate_fields(feature, 1):
                    found[name.decode()] = next(_iterate_fields(values, 1), b"")
    return found


def _iterate_fields(message: bytes, number: int) -> Iterator[bytes]:
    """Yield the values of a field in a message that has only fields of the wire type LEN."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        if tag & 7 != WIRE_TYPE_LEN:
            raise DamagedError("tfrecord: a record is no tf.train.Example")
        size, at = _read_varint(message, at)
        if at + size > len(message):
            raise DamagedError("tfrecord: a record is no tf.train.Example")
        if tag >> 3 == number:
            yield message[at : at + size]
        at += size


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number, and the position after it."""
    number = shift = 0
    while at < len(message):
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise DamagedError("tfrecord: a record is no tf.train.Example")
