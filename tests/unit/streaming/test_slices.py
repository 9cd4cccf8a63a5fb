"""A list is cut into slices; rows keep the numbers that they have in a stored dataset."""

from __future__ import annotations

from typing import cast

import pyarrow as pa

from img2dataset.options import Options
from img2dataset.records import Shard
from img2dataset.sources import Source, SourceConfig, open_source
from img2dataset.streaming.row_ranges import RowRanges
from img2dataset.streaming.slices import Slicing, choose_slice_rows, cut_slices

URLS = [f"http://a/{number}.jpg" for number in range(25)]


def open_urls() -> Source:
    return open_source(URLS, SourceConfig.of(Options(URLS)))


def list_urls(shard: Shard) -> list[str]:
    urls = cast("pa.Table", shard.rows).column("url").to_pylist()
    return [url for position, url in enumerate(urls) if position not in shard.left_out]


def test_slices_say_where_they_are_from() -> None:
    slices = list(cut_slices(open_urls(), Slicing(10, 4), RowRanges()))

    assert [(each.id, each.slice_of, each.count) for each in slices] == [
        (0, (0, 0), 4), (1, (0, 4), 4), (2, (0, 8), 2),
        (3, (1, 0), 4), (4, (1, 4), 4), (5, (1, 8), 2),
        (6, (2, 0), 4), (7, (2, 4), 1),
    ]  # fmt: skip
    assert [url for each in slices for url in list_urls(each)] == URLS


def test_rows_that_are_done_are_left_out() -> None:
    done = RowRanges([(0, 6), (9, 14)])
    slices = list(cut_slices(open_urls(), Slicing(10, 4), done))

    assert [each.id for each in slices] == [1, 2, 4, 5, 6, 7]
    assert [url for each in slices for url in list_urls(each)] == [*URLS[6:9], *URLS[14:]]


def test_machines_share_the_slices() -> None:
    shares = [
        [url for each in cut_slices(open_urls(), Slicing(10, 4, node, 3), RowRanges())
         for url in list_urls(each)]
        for node in range(3)
    ]  # fmt: skip

    assert all(shares)
    assert sorted(url for share in shares for url in share) == sorted(URLS)


def test_a_small_prefetch_makes_small_slices() -> None:
    assert choose_slice_rows(1_000_000) == 16
    assert choose_slice_rows(25_600_000) == 100
    assert choose_slice_rows(10**12) == 1000
