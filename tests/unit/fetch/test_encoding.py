from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.encoding import Decoder, EncodingError, decoder_for

PLAIN = bytes(range(256)) * 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def decoded(decoder: Decoder, data: bytes, piece: int) -> bytes:
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
    ],
)
def test_what_was_compressed_is_restored(header: str, data: bytes, piece: int) -> None:
    decoder = decoder_for(header)
    assert decoder is not None
    assert decoded(decoder, data, piece) == PLAIN
    assert decoder.finished


def test_deflate_without_its_wrapping_is_restored_too() -> None:
    decoder = decoder_for("deflate")
    assert decoder is not None
    assert decoded(decoder, raw_deflate(PLAIN), 7) == PLAIN


@pytest.mark.parametrize("header", ["identity", "utf-8", "aws-chunked", "none", "", "binary, "])
def test_what_is_no_encoding_is_ignored(header: str) -> None:
    assert decoder_for(header) is None


@pytest.mark.parametrize("header", ["br", "zstd", "gzip, gzip", "br, gzip"])
def test_what_we_cannot_undo_is_an_error(header: str) -> None:
    with pytest.raises(EncodingError):
        decoder_for(header)


def test_a_bomb_is_let_off_in_small_portions() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    assert len(Decoder(31).decode(bomb, 1000)) == 1000


@given(st.binary(), st.sampled_from(["gzip", "deflate"]))
def test_nonsense_is_an_encoding_error_or_nothing(data: bytes, header: str) -> None:
    decoder = decoder_for(header)
    assert decoder is not None
    try:
        decoder.decode(data, 100)
    except EncodingError:
        return
