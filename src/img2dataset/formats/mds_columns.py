"""Columns of the metadata -> columns of MDS: their encodings, and a sample as bytes.

A sample is: for each column without a fixed size the length of its value (uint32), then all values,
in the order of the columns' names (https://docs.mosaicml.com/projects/streaming, "MDS").  Encodings
are those that MosaicML Streaming and litData both know, but for png, which litData does not know.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import types

from img2dataset.formats.fetched import RESPONSE_COLUMNS
from img2dataset.formats.format import WriterConfig
from img2dataset.formats.metadata import COLUMNS, NEVER_STORED
from img2dataset.json_text import to_compact_json, to_utf8
from img2dataset.options import OPT_OUT
from img2dataset.records import CAPTION, URL

Sample = tuple[bytes, bytes, bytes]
"""A sample in pieces."""
IMAGE_ENCODINGS = {"jpg": "jpeg", "png": "png"}
"""encode_format -> encoding; there is none for webp, which is stored as bytes."""
FIXED_BYTES = {"int": 8}
INT64 = struct.Struct("<q")
ABSENT_INT = -1
"""Stands for null where a column of integers should have none."""


def encode_str(value: Any) -> bytes:
    if value is None:
        return b""
    return to_utf8(value if isinstance(value, str) else str(value))


def encode_int(value: int | None) -> bytes:
    return INT64.pack(ABSENT_INT if value is None else value)


def encode_json(value: Any) -> bytes:
    return b"null" if value is None else to_compact_json(value)


def keep_bytes(value: bytes) -> bytes:
    return value


ENCODERS: Mapping[str, Callable[[Any], bytes]] = {
    "str": encode_str,
    "int": encode_int,
    "json": encode_json,
}


def choose_image_encoding(config: WriterConfig) -> str:
    """Return the encoding of the images: bytes where they may be of any format."""
    if config.disable_all_reencoding:
        return "bytes"
    return IMAGE_ENCODINGS.get(config.encode_format, "bytes")


def choose_encodings(schema: pa.Schema, config: WriterConfig) -> dict[str, str]:
    """Return the encoding of each column of a sample: json where there may be nulls, or values of
    any type, as in the columns of the list; `schema` is theirs."""
    found = dict.fromkeys((name for name in schema.names if name not in NEVER_STORED), "json")
    found[URL] = "str"
    if config.captions:
        found[CAPTION] = "str"
    for own in COLUMNS:
        of_size = types.is_integer(own.type)
        found[own.name] = ("json" if config.disable_all_reencoding else "int") if of_size else "str"
    if config.extract_exif:
        found["exif"] = "json"
    if config.compute_hash is not None:
        found[config.compute_hash] = "str"
    if config.save_fetch_metadata:
        found.update(dict.fromkeys(RESPONSE_COLUMNS.names, "json"))
    if config.save_opt_out_signals:
        found[OPT_OUT] = "json"
    found[config.encode_format] = choose_image_encoding(config)
    return found


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of an MDS file, by name."""

    names: tuple[str, ...]
    encodings: tuple[str, ...]

    @classmethod
    def of(cls, encodings: Mapping[str, str]) -> Columns:
        names = tuple(sorted(encodings))
        return cls(names, tuple(encodings[name] for name in names))

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """Bytes of a value; None where they differ."""
        return tuple(FIXED_BYTES.get(encoding) for encoding in self.encodings)

    def make_encoder(self, image: str) -> Callable[[Mapping[str, Any]], Sample]:
        """Make the function that writes a sample: name -> value, absent ones are null.

        It returns what stands before the image, the image itself, which is not copied, and what
        stands after it.
        """
        encoders = [
            (name, ENCODERS.get(encoding, keep_bytes))
            for name, encoding in zip(self.names, self.encodings, strict=True)
        ]
        variable = [place for place, size in enumerate(self.sizes) if size is None]
        lengths = struct.Struct(f"<{len(variable)}I")
        middle = self.names.index(image)

        def encode(document: Mapping[str, Any]) -> Sample:
            values = [write(document.get(name)) for name, write in encoders]
            head = lengths.pack(*[len(values[place]) for place in variable])
            before, after = values[:middle], values[middle + 1 :]
            return b"".join([head, *before]), values[middle], b"".join(after)

        return encode

    def split(self, sample: bytes) -> dict[str, bytes]:
        """Split a sample into the bytes of its values.

        Raises:
            ValueError: its lengths do not add up.
        """
        known = self.sizes
        head = struct.Struct(f"<{known.count(None)}I")
        if len(sample) < head.size:
            raise ValueError("a sample is too short")
        lengths = iter(head.unpack_from(sample))
        at, values = head.size, {}
        for name, size in zip(self.names, known, strict=True):
            length = next(lengths) if size is None else size
            values[name] = sample[at : at + length]
            at += length
        if at != len(sample):
            raise ValueError("the lengths of a sample do not add up")
        return values
