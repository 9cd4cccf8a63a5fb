"""A list that has changed -> the shards that it touches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.dataset.identity import Identity, list_fingerprints
from img2dataset.records import PROBLEM, shard_name
from img2dataset.run.list_changes import ListCheck, make_row_check
from img2dataset.sources import Source, SourceConfig, load_table, open_source
from img2dataset.storage.folder import Folder
from tests.quick import few_quick
from tests.unit.sources.lists import content

SIZE = 3
"""Rows per shard."""
FORMATS = ("csv", "tsv.gz", "json", "jsonl", "parquet")
Lists = Mapping[str, Sequence[str]]
"""Name of a file -> what its rows are called."""

BEFORE: Lists = {"a": "123 45".replace(" ", ""), "b": "6789", "c": "xyz"}
"""Shards 0 and 1, 2 and 3, 4."""


def row_of(name: str) -> dict[str, Any]:
    return {"url": f"http://a/{name}", "text": f"no. {name}", "n": float(ord(name[0]))}


def config(input_format: str) -> SourceConfig:
    return SourceConfig(input_format, "url", "text", ("n",))


def opened(folder: Path, lists: Lists, input_format: str) -> Source:
    """The list, written anew."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, rows in lists.items():
        data = content([row_of(row) for row in rows], input_format)
        (folder / f"{name}.{input_format}").write_bytes(data)
    return open_source(str(folder), config(input_format))


def name_of(shard_id: int) -> str:
    return shard_name(shard_id, 5)


def store(folder: Path, source: Source, reading: SourceConfig) -> set[int]:
    """The tables that a run would leave; returns the shards."""
    folder.mkdir(exist_ok=True)
    ids = set()
    for shard in source.shards(SIZE):
        table = load_table(shard, reading)
        if PROBLEM in table.column_names:
            table = table.drop_columns([PROBLEM])
        keys = pa.array([f"{row:05}" for row in range(table.num_rows)])
        stored = table.append_column("key", keys).append_column("status", keys)
        order = list(reversed(range(table.num_rows)))  # as the old tool may leave them
        pq.write_table(stored.take(order), folder / f"{name_of(shard.id)}.parquet")
        ids.add(shard.id)
    return ids


def inputs(source: Source) -> list[dict[str, Any]]:
    return [{"url": f.url, "size": f.size, "fingerprint": f.fingerprint} for f in source.files]


def touched(
    tmp_path: Path, after: Lists, input_format: str = "csv", *, before: Lists = BEFORE,
    missing: frozenset[int] = frozenset(),
) -> dict[int, str]:  # fmt: skip
    reading = config(input_format)
    source = opened(tmp_path / "lists", before, input_format)
    old = inputs(source)
    done = frozenset(store(tmp_path / "out", source, reading) - missing)
    source = opened(tmp_path / "lists", after, input_format)
    is_same = make_row_check(Folder(str(tmp_path / "out")), reading, name_of)
    found = ListCheck(source, SIZE, is_same).touched(old, 0, done)
    return {
        shard: url.rpartition("/")[2].removesuffix(f".{input_format}")
        for shard, url in found.items()
    }


def test_every_shard_of_a_shuffled_list_is_compared(tmp_path: Path) -> None:
    reading = replace(config("csv"), shuffle=1)
    opened(tmp_path / "lists", BEFORE, "csv")
    source = open_source(str(tmp_path / "lists"), reading)
    old = inputs(source)
    done = frozenset(store(tmp_path / "out", source, reading))
    opened(tmp_path / "lists", {**BEFORE, "d": "uvw"}, "csv")
    is_same = make_row_check(Folder(str(tmp_path / "out")), reading, name_of)

    same = ListCheck(source, SIZE, is_same, is_shuffled=True).touched(old[:1], 0, done)
    grown = ListCheck(
        open_source(str(tmp_path / "lists"), reading), SIZE, is_same, is_shuffled=True
    ).touched(old, 0, done)

    assert same == {}
    assert set(grown.values()) == {"of a shuffled list"}


@pytest.mark.parametrize("input_format", few_quick(FORMATS, every=4))
@pytest.mark.parametrize(
    ("after", "found"),
    [
        # nothing is touched: a file more, and rows in a file at the end of a shard
        ({**BEFORE, "d": "uvw"}, {}),
        ({**BEFORE, "c": "xyzuvw"}, {}),
        # in place
        ({**BEFORE, "a": "12345 ".strip()}, {}),
        ({**BEFORE, "a": "12344"}, {1: "a"}),
        ({**BEFORE, "b": "678"}, {3: "c", 4: ""}),
        ({**BEFORE, "b": "67890"}, {3: "b"}),
        ({**BEFORE, "b": "7689"}, {2: "b"}),
        ({**BEFORE, "c": "xy"}, {4: "c"}),
        # moved
        ({**BEFORE, "a": "123"}, {1: "b", 2: "b", 3: "c", 4: ""}),
        ({**BEFORE, "a": "1234567"}, {1: "a", 2: "a", 3: "b", 4: "b"}),
        ({"a": BEFORE["a"], "c": BEFORE["c"]}, {2: "c", 3: "", 4: ""}),
        ({"a": BEFORE["a"], "aa": "0", "b": "6789", "c": "xyz"}, {2: "aa", 3: "b", 4: "b"}),
        # other names, in the same order
        ({"p": BEFORE["a"], "q": BEFORE["b"], "r": BEFORE["c"]}, {}),
        ({"b": BEFORE["a"], "a": BEFORE["b"], "c": BEFORE["c"]}, {0: "a", 1: "a", 2: "b", 3: "b"}),
    ],
)  # fmt: skip
def test_shards_are_touched_that_the_list_would_not_give(
    tmp_path: Path, input_format: str, after: Lists, found: Mapping[int, str]
) -> None:
    assert touched(tmp_path, after, input_format) == found


def test_what_is_not_done_is_not_touched(tmp_path: Path) -> None:
    after = {**BEFORE, "b": "0000"}

    assert touched(tmp_path, after, missing=frozenset({2, 3})) == {}
    assert touched(tmp_path, after, missing=frozenset({3})) == {2: "b"}


@pytest.mark.parametrize("column", ["text", "n"])
def test_a_row_is_all_that_is_stored_of_it(tmp_path: Path, column: str) -> None:
    path = tmp_path / "a.parquet"
    rows = [row_of(name) for name in "1234"]
    path.write_bytes(content(rows, "parquet"))
    reading = config("parquet")
    source = open_source(str(path), reading)
    done = frozenset(store(tmp_path / "out", source, reading))
    is_same = make_row_check(Folder(str(tmp_path / "out")), reading, name_of)
    for compression in ("gzip", "none"):  # another writer, the same rows
        pq.write_table(pa.Table.from_pylist(rows), path, compression=compression)
        now = open_source(str(path), reading)
        assert ListCheck(now, SIZE, is_same).touched(inputs(source), 0, done) == {}

    rows[3] = {**rows[3], column: None}
    path.write_bytes(content(rows, "parquet"))
    now = open_source(str(path), reading)

    assert ListCheck(now, SIZE, is_same).touched(inputs(source), 0, done) == {1: str(path)}


def test_a_verified_hash_is_not_compared_for_what_is_stored_is_the_computed_one(
    tmp_path: Path,
) -> None:
    rows = [{"url": f"http://{n}", "h": f"{n:032x}", "x": float("nan")} for n in range(2)]
    (tmp_path / "a.parquet").write_bytes(content(rows, "parquet"))
    reading = SourceConfig("parquet", "url", additional_columns=("x",), verify_hash=("h", "md5"))
    source = open_source(str(tmp_path / "a.parquet"), reading)
    (shard,) = source.shards(SIZE)
    out = tmp_path / "out"
    out.mkdir()
    table = load_table(shard, reading).drop_columns(["md5"])
    keys = pa.array(["0", "1"])
    pq.write_table(
        table.append_column("key", keys).append_column("md5", keys), out / "00000.parquet"
    )

    assert make_row_check(Folder(str(out)), reading, name_of)(shard)


@pytest.mark.parametrize("damage", ["gone", "no table", "no key"])
def test_a_shard_that_cannot_tell_what_it_was_made_from_is_touched(
    tmp_path: Path, damage: str
) -> None:
    reading = config("csv")
    source = opened(tmp_path / "lists", BEFORE, "csv")
    out = tmp_path / "out"
    store(out, source, reading)
    path = out / "00000.parquet"
    match damage:
        case "gone":
            path.unlink()
        case "no table":
            path.write_bytes(b"PAR1")
        case _:
            pq.write_table(pq.read_table(path).drop_columns(["key"]), path)
    first, second, *_ = source.shards(SIZE)
    is_same = make_row_check(Folder(str(out)), reading, name_of)

    assert not is_same(first)
    assert is_same(second)


class Counted:
    """Counts what is compared."""

    def __init__(self, folder: Path, reading: SourceConfig) -> None:
        self._is_same = make_row_check(Folder(str(folder)), reading, name_of)
        self.asked: list[int] = []

    def __call__(self, shard: Any) -> bool:
        self.asked.append(shard.id)
        return self._is_same(shard)


def test_of_files_that_are_as_they_were_only_the_ends_are_compared(tmp_path: Path) -> None:
    reading = config("csv")
    before = {"a": "abcdefghi", "b": "jklmnopqr", "c": "stuvwxyz0123"}
    source = opened(tmp_path / "lists", before, "csv")
    old = inputs(source)
    done = frozenset(store(tmp_path / "out", source, reading))
    now = opened(tmp_path / "lists", {**before, "b": "jklmnopqR"}, "csv")
    is_same = Counted(tmp_path / "out", reading)

    found = ListCheck(now, SIZE, is_same).touched(old, 0, done)

    assert set(found) == {5}
    assert is_same.asked == [3, 4, 5, 6, 9]


ROWS = [chr(code) for code in range(ord("A"), ord("z")) if chr(code).isalnum()]


@st.composite
def changed_lists(draw: st.DrawFn) -> tuple[Lists, Lists]:
    """A list of files, and what somebody made of it."""
    order = draw(st.permutations(ROWS))
    cuts = sorted(
        draw(st.lists(st.integers(1, len(order) - 1), min_size=1, max_size=6, unique=True))
    )
    parts = [order[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    before = {f"f{number}": rows for number, rows in enumerate(parts)}
    after = {name: list(rows) for name, rows in before.items()}
    for name in draw(st.lists(st.sampled_from(sorted(before)), max_size=3)):
        match draw(st.sampled_from(["drop", "empty", "insert", "replace", "append", "reverse"])):
            case "drop":
                after.pop(name, None)
            case "empty" | "insert":
                after.setdefault(name, []).insert(0, draw(st.sampled_from("!?%")))
            case "replace":
                after[name] = [draw(st.sampled_from("!?%")), *after.get(name, [])[1:]]
            case "append":
                after.setdefault(name, []).append(draw(st.sampled_from("!?%")))
            case _:
                after[name] = list(reversed(after.get(name, ["!"])))
    return before, after or {"new": ["!"]}


def slices(lists: Lists) -> Iterator[list[str]]:
    for name in sorted(lists):
        rows = list(lists[name])
        yield from (rows[start : start + SIZE] for start in range(0, len(rows), SIZE))


@pytest.mark.slow
@given(lists=changed_lists(), missing=st.frozensets(st.integers(0, 20)))
def test_they_are_those_whose_rows_differ_whatever_was_done_to_the_list(
    tmp_path_factory: pytest.TempPathFactory, lists: tuple[Lists, Lists], missing: frozenset[int]
) -> None:
    before, after = lists
    old, new = list(slices(before)), list(slices(after))

    found = touched(
        tmp_path_factory.mktemp("lists"), after, "parquet", before=before, missing=missing
    )

    assert set(found) == {
        number
        for number, rows in enumerate(old)
        if number not in missing and (number >= len(new) or new[number] != rows)
    }


def test_a_list_is_the_same_wherever_it_lies_and_whatever_it_is_called(tmp_path: Path) -> None:
    first = inputs(opened(tmp_path / "lists", BEFORE, "csv"))
    moved = inputs(
        opened(tmp_path / "copy", {"x": BEFORE["a"], "y": BEFORE["b"], "z": BEFORE["c"]}, "csv")
    )

    assert list_fingerprints(first) == list_fingerprints(moved)
    assert Identity(first, {}).differences(Identity(moved, {})) == []
