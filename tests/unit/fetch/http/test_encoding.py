from __future__ import annotations

import gzip
import zlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.http.encoding import (
    MAX_GZIP_MEMBERS,
    EncodingError,
    PassthroughDecoder,
    StreamDecoder,
    WholeBodyDecoder,
    find_decoder,
)
from tests.quick import few_quick

PLAIN = bytes(range(256)) * 20
JPEG = b"\xff\xd8\xff\xe0" + bytes(200)
IMAGES = [
    JPEG,
    b"\x89PNG\r\n\x1a\n" + bytes(100),
    b"GIF89a" + bytes(100),
    b"RIFF\x24\0\0\0WEBPVP8 " + bytes(100),
    b"BM\x24\0\0\0\0\0\0\0\x36\0\0\0" + bytes(100),
    b"II*\0\x08\0\0\0" + bytes(100),
    b"\0\0\0\x1cftypavif" + bytes(100),
]


def stepwise(header: str) -> StreamDecoder:
    decoder = find_decoder(header)
    assert isinstance(decoder, StreamDecoder)
    return decoder


def doubtful(header: str) -> PassthroughDecoder:
    decoder = find_decoder(header)
    assert isinstance(decoder, PassthroughDecoder)
    return decoder


def whole(header: str) -> WholeBodyDecoder:
    packed = find_decoder(header)
    assert isinstance(packed, WholeBodyDecoder)
    return packed


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def decoded(decoder: StreamDecoder | PassthroughDecoder, data: bytes, piece: int) -> bytes:
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]
    return b"".join(decoder.decode(part, 1_000_000) for part in pieces)


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("header", "data"),
    [
        ("gzip", gzip.compress(PLAIN)),
        (" X-GZip ", gzip.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("aws-chunked,gzip", gzip.compress(PLAIN)),
        ("gzip", gzip.compress(PLAIN[:300]) + gzip.compress(PLAIN[300:])),
        ("gzip", b"".join(gzip.compress(PLAIN[at : at + 10]) for at in range(0, len(PLAIN), 10))),
        ("gzip", gzip.compress(PLAIN) + b"\0" * 20),
        ("gzip", gzip.compress(PLAIN) + b"\x1f"),
        ("gzip", gzip.compress(PLAIN) + b"\x1f\x8c" + gzip.compress(PLAIN)),
        ("gzip", gzip.compress(PLAIN) + gzip.compress(b"")),
    ],
)
def test_what_was_compressed_is_restored(header: str, data: bytes, piece: int) -> None:
    decoder = stepwise(header)
    assert decoded(decoder, data, piece) == PLAIN
    assert decoder.finished


@pytest.mark.parametrize("piece", [1, 2, 7, 100_000])
@pytest.mark.parametrize("plain", [PLAIN, bytes(5000), b"BMx" * 99, JPEG])
def test_deflate_without_its_wrapping_is_restored_too(plain: bytes, piece: int) -> None:
    decoder = stepwise("deflate")
    assert decoded(decoder, raw_deflate(plain), piece) == plain
    assert decoder.finished


def test_a_raw_deflate_that_begins_as_if_it_were_wrapped_is_restored() -> None:
    """An empty stored block, whose length and padding look like a header of zlib."""
    stored = zlib.compressobj(level=0, wbits=-15)
    body = stored.compress(PLAIN) + stored.flush()
    assert (0x78 << 8 | 0x01) % 31 == 0
    decoder = stepwise("deflate")
    assert decoded(decoder, b"\x78\x01\x00\xfe\xff\x00" + body, 1) == b"\0" + PLAIN


@pytest.mark.parametrize("piece", [1, 3, 100_000])
@pytest.mark.parametrize("header", ["gzip", "deflate"])
@pytest.mark.parametrize("image", few_quick(IMAGES, 3))
def test_an_image_is_taken_as_it_is_whatever_it_is_said_to_be(
    image: bytes, header: str, piece: int
) -> None:
    decoder = stepwise(header)
    assert decoded(decoder, image, piece) == image
    assert decoder.finished


@pytest.mark.parametrize(("header", "pack"), [("br", "brotli"), ("zstd", "zstd")])
def test_what_is_undone_at_its_end_is_restored(header: str, pack: str) -> None:
    packed = whole(header)
    body = pa.compress(PLAIN, pack, asbytes=True)
    assert packed.unpack(body, 1_000_000) == PLAIN
    assert packed.unpack(body, 100) == PLAIN[:100]
    assert packed.unpack(JPEG, 1_000_000) == JPEG
    with pytest.raises(EncodingError):
        packed.unpack(body[:-1], 1_000_000)


def test_without_the_library_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        @staticmethod
        def is_available(_: str) -> bool:
            return False

    monkeypatch.setattr(pa, "Codec", Nothing)
    with pytest.raises(EncodingError):
        doubtful("br").decode(pa.compress(PLAIN, "brotli", asbytes=True), 100)


@pytest.mark.parametrize("header", ["identity", "utf-8", "aws-chunked", "none", "", "binary, "])
def test_what_is_no_encoding_is_ignored(header: str) -> None:
    assert find_decoder(header) is None


@pytest.mark.parametrize("header", ["compress", "dcb", "gzip, gzip", "br, gzip", "zstd, br"])
def test_what_we_cannot_undo_is_an_error_unless_it_is_an_image(header: str) -> None:
    for nonsense in (b"x", b"\x1f\x9d" + bytes(20), b"\xff\xd8" + bytes(20)):
        with pytest.raises(EncodingError):
            doubtful(header).decode(nonsense, 100)
    for image in IMAGES:
        for piece in (1, 3, 100_000):
            decoder = doubtful(header)
            assert decoded(decoder, image, piece) == image
            assert decoder.finished
    assert not doubtful(header).finished


def test_a_bomb_is_let_off_in_small_portions() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    assert len(StreamDecoder(31).decode(bomb, 1000)) == 1000


def test_so_is_one_of_many_members() -> None:
    decoder = StreamDecoder(31)
    bombs = gzip.compress(b"\0" * 900) * 50
    assert len(decoder.decode(bombs, 1000)) == 1000


def test_a_second_member_that_breaks_off_is_known_to_be_incomplete() -> None:
    decoder = StreamDecoder(31)
    decoder.decode(gzip.compress(PLAIN) * 2, 1_000_000)
    assert decoder.finished
    decoder.decode(gzip.compress(PLAIN)[:-1], 1_000_000)
    assert not decoder.finished


def test_members_without_anything_in_them_come_to_an_end() -> None:
    decoder = StreamDecoder(31)
    with pytest.raises(EncodingError):
        decoder.decode(gzip.compress(b"") * (MAX_GZIP_MEMBERS + 2), 1000)


@given(st.binary(), st.sampled_from(["gzip", "deflate"]))
def test_nonsense_is_an_encoding_error_or_nothing(data: bytes, header: str) -> None:
    decoder = stepwise(header)
    try:
        decoder.decode(data, 100)
    except EncodingError:
        return
