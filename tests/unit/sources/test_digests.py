"""Hashes, however a list writes them."""

from __future__ import annotations

import base64
import hashlib

import pyarrow as pa
import pytest

from img2dataset.sources import load_table, open_source
from img2dataset.sources.digests import DIGEST_BYTES, guess_digest_type, parse_digest
from tests.unit.sources.lists import config

TYPES = list(DIGEST_BYTES)


@pytest.mark.parametrize("hash_type", TYPES)
def test_every_spelling_is_understood(hash_type: str) -> None:
    for seed in range(50):
        digest = hashlib.new(hash_type, bytes([seed]))
        plain = digest.hexdigest()
        standard = base64.b64encode(digest.digest()).decode()
        web = base64.urlsafe_b64encode(digest.digest()).decode()
        spellings = [
            plain, plain.upper(), f" {plain}\n", f"{hash_type}:{plain}", f"{hash_type}-{standard}",
            f'"{plain}"', f"0x{plain}", f"\\x{plain}", standard, web, standard.rstrip("="),
        ]  # fmt: skip
        for spelling in spellings:
            assert parse_digest(spelling, hash_type) == plain, spelling
        assert guess_digest_type(plain) == guess_digest_type(standard) == hash_type


@pytest.mark.parametrize("text", ["", "abc", "g" * 32, "-123456789012345678", "a" * 31, "é" * 22])
def test_what_is_no_digest_is_none(text: str) -> None:
    assert parse_digest(text, "md5") is None


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(32)])
@pytest.mark.parametrize("hash_type", ["sha256"])
def test_raw_bytes_are_a_digest_even_if_they_are_text(kind: pa.DataType, hash_type: str) -> None:
    raw = [b"a" * 32, bytes(range(32)), None]
    table = pa.table({"url": ["http://a/1"] * 3, "h": pa.array(raw, kind)})
    reading = config("parquet", verify_hash=("h", hash_type))

    (shard,) = open_source(table, reading).shards(10)

    found = load_table(shard, reading).column(hash_type).to_pylist()
    assert found == [None if cell is None else cell.hex() for cell in raw]
