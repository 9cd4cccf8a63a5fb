"""A TFRecord file, read from its beginning to its end -> its records; a record -> its features."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from img2dataset.errors import DamagedError
from img2dataset.formats.example import masked_crc
from img2dataset.formats.reading import Readable, exactly

MOST = 1 << 40
"""Bytes of a record: a length beyond is damage that its checksum did not show."""
LEN = 2
"""protobuf's wire type of bytes, texts and messages."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a TFRecord file."""

    data: bytes = field(repr=False)
    frame: bytes = field(repr=False)
    """The record as it stands in the file: length and checksums around it."""


def records(file: Readable) -> Iterator[Record]:
    """The records, in their order; `file` is never sought in.

    Raises:
        DamagedError: the file is cut short, or a checksum is wrong.
    """
    while first := file.read(1):
        head = first + exactly(file, 11, "tfrecord")
        length = head[:8]
        _check(length, head[8:])
        size = struct.unpack("<Q", length)[0]
        if size > MOST:
            raise DamagedError("tfrecord: a record of impossible length")
        rest = exactly(file, size + 4, "tfrecord")
        data = rest[:-4]
        _check(data, rest[-4:])
        yield Record(data, head + rest)


def _check(data: bytes, crc: bytes) -> None:
    if masked_crc(data) != crc:
        raise DamagedError("tfrecord: a checksum is wrong")


def bytes_features(example: bytes) -> dict[str, bytes]:
    """Name -> first value of each bytes_list of a `tf.train.Example`.

    Raises:
        DamagedError: it is none.
    """
    found = {}
    for features in _fields(example, 1):
        for entry in _fields(features, 1):
            name = b"".join(_fields(entry, 1))
            for feature in _fields(entry, 2):
                for values in _fields(feature, 1):
                    found[name.decode()] = next(_fields(values, 1), b"")
    return found


def _fields(message: bytes, number: int) -> Iterator[bytes]:
    """The values of a field of type LEN in a message that has no others than such."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 != LEN:
            raise DamagedError("tfrecord: a record is no tf.train.Example")
        size, at = _varint(message, at)
        if at + size > len(message):
            raise DamagedError("tfrecord: a record is no tf.train.Example")
        if tag >> 3 == number:
            yield message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    number = shift = 0
    while at < len(message):
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise DamagedError("tfrecord: a record is no tf.train.Example")
