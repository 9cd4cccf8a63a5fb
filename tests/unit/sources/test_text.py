"""txt -> rows."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from img2dataset.errors import OptionError, SourceError
from img2dataset.sources import InputFile, open_source, text
from img2dataset.sources.line_blocks import read_line_blocks
from img2dataset.sources.reading import BLOCK_BYTES, Reading
from tests.unit.sources.lists import config, problems_in, shards_of, urls_in, write

TXT = config()


def urls(tmp_path: Path, data: bytes) -> list[str | None]:
    return urls_in(write(tmp_path / "a.txt", data), TXT)


def test_one_line_is_one_url_whatever_it_holds(tmp_path: Path) -> None:
    lines = [
        "http://a/1,2.jpg",
        '"http://a/quote.jpg',
        "http://a/\u2028x",
        "http://a/\x0bb\x0c\x85c",
        "x",
    ]

    assert urls(tmp_path, "\n".join(lines).encode()) == lines


def test_lines_are_trimmed_and_blank_ones_skipped(tmp_path: Path) -> None:
    data = "\ufeff  http://a \r\n\r\n \t \n\u00a0http://b\u3000\nhttp://c".encode()

    assert urls(tmp_path, data) == ["http://a", "http://b", "http://c"]


def test_a_line_that_is_not_utf8_is_malformed_and_the_others_are_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"\nhttp://\xc3\xa9\nhttp://\xe9\nhttp://\xef\xbf\xbd\n\xff\n")

    assert urls_in(path, TXT) == ["http://é", None, "http://\ufffd", None]
    assert problems_in(path, TXT) == [None, "3: not UTF-8", None, "5: not UTF-8"]


@pytest.mark.parametrize("length", [text.MAX_LINE_BYTES + 1, 5 * BLOCK_BYTES])
def test_a_monstrous_line_is_malformed(length: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"http://a\n" + b"x" * length + b"\nhttp://b\n")

    assert urls_in(path, TXT) == ["http://a", None, "http://b"]
    assert problems_in(path, TXT)[1] == "2: longer than 1000000 bytes"


@pytest.mark.slow
def test_a_monstrous_line_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(64):
            file.write(b"x" * (1 << 20))
    kept = 0
    reading = config("txt.gz")
    file_found = open_source(str(path), reading).files[0]

    tracemalloc.start()
    with Reading(file_found) as stream:
        for block in read_line_blocks(stream, 1_000_000):
            kept = max(kept, len(block.data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept == 1_000_001
    assert peak < 10_000_000


def test_lines_have_the_right_numbers_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.content, "__defaults__", (16,))
    path = write(tmp_path / "a.txt", b"http://a\n" * 9 + b"\xff\n" + b"http://a\n" * 3 + b"\xff")

    found = [problem for problem in problems_in(path, TXT) if problem]

    assert found == ["10: not UTF-8", "14: not UTF-8"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.binary(max_size=6)),
    block=st.integers(1, 9),
    end=st.sampled_from([b"", b"\n"]),
)
def test_blocks_hold_the_lines_whatever_their_size(
    lines: list[bytes], block: int, end: bytes, tmp_path: Path
) -> None:
    data = b"\n".join([b"first", b"second", *lines]) + end  # whose lines do not end in a return
    path = write(tmp_path / "a.txt", data)
    file = InputFile(path, None, "")

    with Reading(file) as reading, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reading.content, "__defaults__", (block,))
        blocks = list(read_line_blocks(reading, 100))

    assert b"".join(block.data for block in blocks) == data
    number = 1
    for found in blocks:
        assert found.first_line == number
        number += found.data.count(b"\n")


@pytest.mark.slow
def test_a_file_that_ends_early_is_a_source_error_after_its_good_part(tmp_path: Path) -> None:
    lines = b"".join(
        b"http://a/%d\n" % int.from_bytes(os.urandom(16), "big") for _ in range(50_000)
    )
    path = write(tmp_path / "a.txt.gz", gzip.compress(lines)[:-5000])
    shards = open_source(path, config("txt.gz")).shards(1000)

    assert next(shards).count == 1000
    with pytest.raises(SourceError, match="not a whole gzip file"):
        list(shards)


@pytest.mark.parametrize(
    "asked",
    [{"caption_col": "c"}, {"additional_columns": ("c",)}, {"verify_hash": ("c", "md5")}],
)
def test_columns_are_refused(asked: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "http://a\n")

    with pytest.raises(OptionError, match="'c', but input_format is 'txt'"):
        open_source(path, config("txt", **asked))


def test_url_col_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "http://a\n")

    assert urls_in(path, config("txt", "link")) == ["http://a"]


def test_a_file_of_blank_lines_between_others_has_no_shards(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "\n\n")
    write(tmp_path / "b.txt", "http://b\n")
    write(tmp_path / "c.txt", "")

    assert [shard.count for shard in shards_of(str(tmp_path), TXT)] == [1]
