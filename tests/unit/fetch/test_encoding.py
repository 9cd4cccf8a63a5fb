from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.encoding import MOST_MEMBERS, Decoder, EncodingError, decoder_for

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
        ("gzip", gzip.compress(PLAIN[:300]) + gzip.compress(PLAIN[300:])),
        ("gzip", b"".join(gzip.compress(PLAIN[at : at + 10]) for at in range(0, len(PLAIN), 10))),
        ("gzip", gzip.compress(PLAIN) + b"\0" * 20),
        ("gzip", gzip.compress(PLAIN) + b"\x1f"),
        ("gzip", gzip.compress(PLAIN) + b"\x1f\x8c" + gzip.compress(PLAIN)),
        ("gzip", gzip.compress(PLAIN) + gzip.compress(b"")),
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


def test_so_is_one_of_many_members() -> None:
    decoder = Decoder(31)
    bombs = gzip.compress(b"\0" * 900) * 50
    assert len(decoder.decode(bombs, 1000)) == 1000


def test_a_second_member_that_breaks_off_is_known_to_be_incomplete() -> None:
    decoder = Decoder(31)
    decoder.decode(gzip.compress(PLAIN) * 2, 1_000_000)
    assert decoder.finished
    decoder.decode(gzip.compress(PLAIN)[:-1], 1_000_000)
    assert not decoder.finished


def test_members_without_anything_in_them_come_to_an_end() -> None:
    decoder = Decoder(31)
    with pytest.raises(EncodingError):
        decoder.decode(gzip.compress(b"") * (MOST_MEMBERS + 2), 1000)


@given(st.binary(), st.sampled_from(["gzip", "deflate"]))
def test_nonsense_is_an_encoding_error_or_nothing(data: bytes, header: str) -> None:
    decoder = decoder_for(header)
    assert decoder is not None
    try:
        decoder.decode(data, 100)
    except EncodingError:
        return
