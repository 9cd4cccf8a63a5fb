"""Pictures in Parquet: sorted rows, bounded row groups."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from img2dataset.formats import parquet
from img2dataset.formats.parquet import cut_row_groups
from img2dataset.storage.folder import Folder
from tests.unit.formats.shard import (
    CONFIG,
    NAME,
    TIMEOUT,
    metadata,
    mixed,
    picture,
    shard_of,
    store,
    unfinished,
)


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([], [(0, 0)]),
        ([-1], [(0, 1)]),
        ([10], [(0, 1)]),
        ([11], [(0, 1)]),
        ([5, 5, 5], [(0, 2), (2, 3)]),
        ([-1, 20, -1, 20], [(0, 3), (3, 4)]),
        ([3, -1, 3, 3, 3], [(0, 4), (4, 5)]),
    ],
)
def test_row_groups_hold_at_most_the_limit_or_one_row(
    sizes: list[int], groups: list[tuple[int, int]]
) -> None:
    assert list(cut_row_groups(sizes, 10)) == groups


def test_a_shard_of_many_row_groups_is_read_back_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 2000)
    outcomes = [picture(bytes([i]) * (i * 37 % 900)) if i % 7 else TIMEOUT for i in range(100)]
    store("parquet", Folder(str(tmp_path)), shard_of({"n": [[i] for i in range(100)]}, *outcomes))

    file = pq.ParquetFile(tmp_path / f"{NAME}.parquet")
    assert file.metadata.num_row_groups > 10
    table = file.read()
    table.validate(full=True)
    assert table["n"].to_pylist() == [[i] for i in range(100)]
    assert table["jpg"].to_pylist() == [getattr(outcome, "data", None) for outcome in outcomes]


def test_an_empty_picture_is_not_a_missing_one(tmp_path: Path) -> None:
    store("parquet", Folder(str(tmp_path)), shard_of({}, picture(b""), TIMEOUT))

    assert metadata(Folder(str(tmp_path)))["jpg"].to_pylist() == [b"", None]


def test_pictures_are_neither_compressed_nor_collected_for_statistics(tmp_path: Path) -> None:
    store("parquet", Folder(str(tmp_path)), mixed())

    group = pq.ParquetFile(tmp_path / f"{NAME}.parquet").metadata.row_group(0)
    *others, pictures = [group.column(i) for i in range(group.num_columns)]
    assert (pictures.path_in_schema, pictures.compression) == ("jpg", "UNCOMPRESSED")
    assert pictures.statistics is None
    assert {column.compression for column in others} == {"SNAPPY"}


def test_waiting_pictures_leave_nothing_on_the_disk(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    store("parquet", folder, mixed())

    assert unfinished(folder) == []


def test_the_picture_wins_over_a_column_of_its_name(tmp_path: Path) -> None:
    store("parquet", Folder(str(tmp_path)), shard_of({"jpg": ["text"]}, picture(b"data")), CONFIG)

    table = metadata(Folder(str(tmp_path)))
    assert table.column_names.count("jpg") == 1
    assert table["jpg"].to_pylist() == [b"data"]
