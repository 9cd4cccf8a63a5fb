"""One suite over every output format: what any writer promises."""

from __future__ import annotations

import datetime as dt
import io
import json
import tarfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tfrecord import example_pb2

from img2dataset.formats import (
    NAMES,
    ShardReader,
    StoredSample,
    WriterConfig,
    find_format,
    list_shard_names,
)
from img2dataset.options import FETCH_COLUMNS
from img2dataset.records import BOXES, PROBLEM, EncodedImage
from img2dataset.storage.folder import Folder
from tests.unit.formats.shard import (
    ANSWER,
    BARE,
    CONFIG,
    DIGEST,
    MALFORMED,
    NAME,
    NOT_FOUND,
    OWN,
    SMALL,
    TIMEOUT,
    WITH_FETCH,
    ShardToStore,
    begin,
    memory_folder,
    metadata,
    mixed,
    picture,
    shard_of,
    store,
    unfinished,
    visible,
)

every_format = pytest.mark.parametrize("output_format", NAMES)
STORING = [name for name in NAMES if find_format(name).stores_rows]
every_storing_format = pytest.mark.parametrize("output_format", STORING)
every_json_format = pytest.mark.parametrize(
    "output_format", [name for name in STORING if find_format(name).has_member_files]
)
every_stored_file = pytest.mark.parametrize(
    ("output_format", "suffix"),
    [(name, suffix) for name in STORING for suffix in find_format(name).suffixes],
)


@pytest.fixture(params=["local", pytest.param("memory", marks=pytest.mark.slow)])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "out")) if request.param == "local" else memory_folder()


both_quick = pytest.mark.parametrize("folder", ["local", "memory"], indirect=True)
"""Where files become visible, which disks and stores do in different ways."""


@pytest.fixture
def disk(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "out"))


def stored_pictures(output_format: str, folder: Folder, extension: str = "jpg") -> dict[str, bytes]:
    """Key -> image, read with the libraries that people use, where this module knows one."""
    match output_format:
        case "parquet":
            rows = metadata(folder).select(["key", extension]).to_pylist()
            return {row["key"]: row[extension] for row in rows if row[extension] is not None}
        case "tfrecord":
            return {
                encode_example["key"].bytes_list.value[0].decode(): encode_example[
                    extension
                ].bytes_list.value[0]
                for encode_example in stored_examples(folder)
            }
        case "files" | "webdataset":
            return {
                name.removesuffix(f".{extension}"): data
                for name, data in stored_members(output_format, folder).items()
                if name.endswith(f".{extension}")
            }
        case _:
            samples = samples_read_back(output_format, folder, extension)
            return {each.key: each.files[extension].data or b"" for each in samples}


def samples_read_back(
    output_format: str, folder: Folder, extension: str = "jpg"
) -> list[StoredSample]:
    """The samples as the format itself reads them."""
    names = frozenset(visible(folder))
    reader = ShardReader(folder, NAME, names, extension, read_content=True)
    return list(find_format(output_format).read_samples(reader))


def stored_members(output_format: str, folder: Folder) -> dict[str, bytes]:
    if output_format == "files":
        return {name: folder.read(f"{NAME}/{name}") for name in folder.names(NAME)}
    with tarfile.open(fileobj=io.BytesIO(folder.read(f"{NAME}.tar"))) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def stored_examples(folder: Folder) -> list[Any]:
    data, at, found = folder.read(f"{NAME}.tfrecord"), 0, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        message = example_pb2.Example.FromString(data[at + 12 : at + 12 + length])
        found.append(message.features.feature)
        at += length + 16
    return found


# -- what is there, and when


@every_format
def test_a_shard_leaves_exactly_the_names_it_says(output_format: str, folder: Folder) -> None:
    store(output_format, folder, mixed())

    assert visible(folder) == sorted(list_shard_names(output_format, NAME))
    assert unfinished(folder) == []


@every_format
@both_quick
def test_nothing_is_visible_before_the_commit(output_format: str, folder: Folder) -> None:
    writer = begin(output_format, folder, mixed())
    for sample in mixed().samples():
        writer.write(sample)

    # where folders cannot be renamed, files come one by one: such a shard has no metadata yet
    in_folder = "" in find_format(output_format).suffixes
    early = {NAME} if in_folder and not folder.local else set()
    assert set(visible(folder)) <= early
    writer.abort()


@every_format
@both_quick
def test_an_aborted_shard_leaves_nothing(output_format: str, folder: Folder) -> None:
    writer = begin(output_format, folder, mixed())
    for sample in mixed().samples()[:3]:
        writer.write(sample)
    writer.abort()
    writer.abort()

    assert visible(folder) == []
    assert unfinished(folder) == []


@every_format
def test_a_shard_can_be_begun_again_after_an_abort(output_format: str, folder: Folder) -> None:
    begin(output_format, folder, mixed()).abort()
    store(output_format, folder, mixed())

    assert visible(folder) == sorted(list_shard_names(output_format, NAME))


@every_storing_format
@both_quick
def test_a_shard_replaces_the_one_of_its_name(output_format: str, folder: Folder) -> None:
    store(output_format, folder, shard_of({}, TIMEOUT, TIMEOUT))
    store(output_format, folder, shard_of({}, TIMEOUT, picture()))

    assert metadata(folder)["status"].to_pylist() == ["failed_to_download", "success"]
    assert len(stored_pictures(output_format, folder)) == 1
    assert unfinished(folder) == []


@every_stored_file
@both_quick
def test_a_commit_that_fails_anywhere_leaves_nothing(
    output_format: str, suffix: str, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that already had their name go when the metadata cannot be stored."""
    monkeypatch.setattr(Folder, "begin", failing(Folder.begin, NAME + suffix, monkeypatch))
    monkeypatch.setattr(
        Folder, "begin_folder", failing(Folder.begin_folder, NAME + suffix, monkeypatch)
    )
    with pytest.raises(OSError, match="disk full"):
        store(output_format, folder, mixed())

    assert visible(folder) == []
    assert unfinished(folder) == []


def failing(begin: Any, refused: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`begin`, but what is called `refused` cannot be committed."""

    def commit() -> None:
        raise OSError("disk full")

    def begin_all(folder: Folder, name: str) -> Any:
        pending = begin(folder, name)
        if name == refused:
            monkeypatch.setattr(pending, "commit", commit)
        return pending

    return begin_all


# -- every row exactly once


@every_storing_format
def test_every_row_is_in_the_metadata_once_in_the_order_of_the_list(
    output_format: str, folder: Folder
) -> None:
    store(output_format, folder, mixed())

    rows = metadata(folder).to_pylist()
    assert [row["key"] for row in rows] == [f"00003000{i}" for i in range(5)]
    assert [row["url"] for row in rows] == [f"https://example.com/{i}.jpg" for i in range(5)]
    assert [(row["status"], row["error_message"]) for row in rows] == [
        ("success", None),
        ("success", None),
        ("failed_to_download", "timed out"),
        ("success", None),
        ("failed_to_resize", "image too small"),
    ]
    assert [row["width"] for row in rows] == [8, 8, None, 8, None]
    assert [row["sha256"] for row in rows] == [DIGEST, DIGEST, None, DIGEST, None]


@every_format
def test_a_row_written_twice_is_a_bug(output_format: str, disk: Folder) -> None:
    writer = begin(output_format, disk, mixed())
    writer.write(mixed().samples()[0])
    with pytest.raises(ValueError, match="twice"):
        writer.write(mixed().samples()[0])
    writer.abort()


@every_format
def test_a_row_that_was_not_written_is_a_bug(output_format: str, disk: Folder) -> None:
    writer = begin(output_format, disk, mixed())
    writer.write(mixed().samples()[0])
    with pytest.raises(ValueError, match="4 of 5 rows were not written"):
        writer.commit()
    writer.abort()

    assert visible(disk) == []


@every_storing_format
def test_pictures_are_stored_as_they_are(output_format: str, folder: Folder) -> None:
    shard = mixed()
    store(output_format, folder, shard)

    assert stored_pictures(output_format, folder) == {
        sample.row.key: sample.outcome.data
        for sample in shard.kept
        if isinstance(sample.outcome, EncodedImage)
    }


@every_storing_format
@pytest.mark.parametrize("outcomes", [(TIMEOUT, SMALL), (SMALL,), ()])
def test_a_shard_without_a_picture_is_stored(
    output_format: str, folder: Folder, outcomes: tuple[Any, ...]
) -> None:
    store(output_format, folder, shard_of({"n": pa.array([1] * len(outcomes))}, *outcomes))

    assert metadata(folder).num_rows == len(outcomes)
    there = list_shard_names(output_format, NAME)[0] in visible(folder)
    assert not there or stored_pictures(output_format, folder) == {}


@every_storing_format
def test_stored_samples_are_read_back(output_format: str, folder: Folder) -> None:
    """As `img2dataset verify` and a retry need it."""
    shard = mixed()
    store(output_format, folder, shard)

    read = samples_read_back(output_format, folder)
    assert sorted(each.key for each in read) == [sample.row.key for sample in shard.kept]
    assert {each.key: each.files["jpg"].data for each in read} == stored_pictures(
        output_format, folder
    )


@every_storing_format
def test_a_shard_of_one_row_is_stored(output_format: str, folder: Folder) -> None:
    store(output_format, folder, shard_of({}, picture()))

    assert len(stored_pictures(output_format, folder)) == 1


@every_storing_format
def test_the_failures_own_detail_is_in_the_metadata(output_format: str, disk: Folder) -> None:
    store(output_format, disk, shard_of({}, MALFORMED))

    assert metadata(disk)["error_message"].to_pylist() == ["malformed input line line 7"]


# -- columns of the metadata


def types_of(table: pa.Table) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in table.schema]


OWN_TYPES = [*((name, "string") for name in OWN[:3]), *((name, "int32") for name in OWN[3:])]


@every_storing_format
def test_columns_are_those_of_the_input_then_ours(output_format: str, disk: Folder) -> None:
    store(output_format, disk, mixed())

    expected = [
        ("n", "int64"), ("caption", "string"), ("url", "string"), *OWN_TYPES,
        ("exif", "string"), ("sha256", "string"),
    ]  # fmt: skip
    if find_format(output_format).images_in_table:
        expected.append(("jpg", "binary"))
    assert types_of(metadata(disk)) == expected
    assert all(field.nullable for field in metadata(disk).schema)
    assert metadata(disk).schema.metadata is None


@every_storing_format
def test_columns_that_were_not_asked_for_are_not_there(output_format: str, disk: Folder) -> None:
    store(output_format, disk, shard_of({}, picture(), TIMEOUT), BARE)

    expected = [("url", "string"), *OWN_TYPES]
    if find_format(output_format).images_in_table:
        expected.append(("png", "binary"))
    assert types_of(metadata(disk)) == expected


@every_storing_format
def test_a_verified_column_holds_the_computed_hash_in_its_place(
    output_format: str, disk: Folder
) -> None:
    store(output_format, disk, shard_of({"sha256": ["x", "y"]}, picture(), TIMEOUT))

    assert types_of(metadata(disk))[:2] == [("sha256", "string"), ("url", "string")]
    assert metadata(disk)["sha256"].to_pylist() == [DIGEST, None]
    assert metadata(disk).column_names.count("sha256") == 1


@every_storing_format
def test_columns_for_the_program_alone_are_not_stored(output_format: str, disk: Folder) -> None:
    shard = shard_of({BOXES: [[[0.0, 0.0, 1.0, 1.0]]], PROBLEM: ["no"]}, TIMEOUT)
    store(output_format, disk, shard)

    assert metadata(disk).column_names[:2] == ["url", "key"]


@every_storing_format
def test_sizes_are_null_where_nothing_was_decoded(output_format: str, disk: Folder) -> None:
    store(output_format, disk, shard_of({}, EncodedImage(b"bytes", None, None, None, None)))

    (row,) = metadata(disk).to_pylist()
    assert [row[name] for name in OWN] == ["000030000", "success", *[None] * 5]
    assert row["exif"] is None


@every_storing_format
def test_schema_metadata_and_required_columns_of_the_input_are_dropped(
    output_format: str, disk: Folder
) -> None:
    schema = pa.schema([pa.field("url", pa.string(), nullable=False)], metadata={"pandas": "{}"})
    store(output_format, disk, ShardToStore(pa.table({"url": ["u"]}, schema), [TIMEOUT]))

    assert metadata(disk).schema.field("url").nullable
    assert metadata(disk).schema.metadata is None


# -- how the answers came


def answered() -> ShardToStore:
    """A picture, a body without one, a refusal, and a row that nothing was asked for."""
    outcomes = (picture(), SMALL, NOT_FOUND, MALFORMED)
    return shard_of({"n": [1, 2, 3, 4]}, *outcomes, answers=[ANSWER, ANSWER, None, None])


@every_storing_format
def test_how_the_answers_came_is_last_in_the_metadata(output_format: str, disk: Folder) -> None:
    store(output_format, disk, answered(), WITH_FETCH)

    own = types_of(metadata(disk))
    pictures = [own.pop()] if find_format(output_format).images_in_table else []
    assert own[-8:] == [
        ("sha256", "string"), ("final_url", "string"), ("http_status", "int32"),
        ("content_type", "string"), ("etag", "string"), ("last_modified", "string"),
        ("fetched_at", "timestamp[ms, tz=UTC]"), ("body_bytes", "int64"),
    ]  # fmt: skip
    assert pictures in ([], [("jpg", "binary")])


@every_storing_format
def test_failed_rows_say_how_their_answers_came(output_format: str, folder: Folder) -> None:
    store(output_format, folder, answered(), WITH_FETCH)

    columns = metadata(folder).select(FETCH_COLUMNS)
    first, second = (
        dt.datetime(2020, 9, 13, 12, 26, 40, 250_000, tzinfo=dt.UTC),
        dt.datetime(2020, 9, 13, 12, 26, 41, tzinfo=dt.UTC),
    )
    came = (
        "https://cdn.example.com/0.jpg", 200, "image/jpeg", '"x"',
        "Wed, 21 Oct 2015 07:28:00 GMT", first, 1234,
    )  # fmt: skip
    assert [tuple(row.values()) for row in columns.to_pylist()] == [
        came,
        came,
        ("https://example.com/1.jpg", 404, "text/html", None, None, second, None),
        (None,) * 7,
    ]


@every_storing_format
def test_how_answers_came_is_not_stored_unless_asked_for(
    output_format: str, tmp_path: Path
) -> None:
    folders = [Folder(str(tmp_path / name)) for name in ("one", "two")]
    store(output_format, folders[0], answered())
    store(output_format, folders[1], replace(answered(), answers=()))

    for name in list_shard_names(output_format, NAME):
        if name != NAME:  # a folder: its files are members
            assert folders[0].read(name) == folders[1].read(name)
    assert not set(FETCH_COLUMNS).intersection(metadata(folders[0]).column_names)


def test_features_say_how_the_answer_came(disk: Folder) -> None:
    store("tfrecord", disk, answered(), WITH_FETCH)

    (features,) = stored_examples(disk)
    assert features["http_status"].int64_list.value == [200]
    assert features["body_bytes"].int64_list.value == [1234]
    assert features["fetched_at"].bytes_list.value == [b"2020-09-13T12:26:40.250Z"]
    assert features["etag"].bytes_list.value == [b'"x"']


# -- odd values


ODD = {
    "date": pa.array([dt.date(2020, 2, 29)]),
    "instant": pa.array(
        [dt.datetime(2020, 2, 29, 1, 2, 3, tzinfo=dt.UTC)], pa.timestamp("ns", "UTC")
    ),
    "decimal": pa.array([Decimal("1.50")]),
    "bytes": pa.array([b"\xff\x00"]),
    "nested": pa.array([{"a": [1, None], "b": {"c": "d"}}]),
    "matrix": pa.array([[[0.5, 1.0], []]]),
    "nan": pa.array([float("nan")]),
    "nothing": pa.nulls(1),
    "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
    "choice": pa.array(["a"]).dictionary_encode(),
    "big": pa.array([2**64 - 1], pa.uint64()),
    "long": pa.array(["x"], pa.large_string()),
    "duration": pa.array([dt.timedelta(seconds=5)]),
}


@every_storing_format
def test_a_column_of_any_type_is_stored(output_format: str, folder: Folder) -> None:
    shard = shard_of(ODD, picture())
    store(output_format, folder, shard)

    stored = metadata(folder)
    assert len(stored_pictures(output_format, folder)) == 1
    for name in ODD:
        assert str(stored[name].to_pylist()) == str(shard.table[name].to_pylist()), name


@every_storing_format
@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([{}, None], pa.struct([])), ["{}", None]),
        (
            pa.array([pa.MonthDayNano([1, 2, 3]), None], pa.month_day_nano_interval()),
            ["[\n  1,\n  2,\n  3\n]", None],
        ),
    ],
)
def test_a_type_that_parquet_does_not_have_is_stored_as_text(
    output_format: str, disk: Folder, column: pa.Array, texts: list[str | None]
) -> None:
    store(output_format, disk, shard_of({"odd": column}, picture(), TIMEOUT))

    assert metadata(disk)["odd"].to_pylist() == texts


SURROGATE = "a\ud800b"


@every_storing_format
@pytest.mark.parametrize(
    "value",
    [
        SURROGATE,
        2**70,
        float("nan"),
        b"\xff",
        pytest.param({SURROGATE: [SURROGATE]}, marks=pytest.mark.slow),
        pytest.param(-(2**70), marks=pytest.mark.slow),
        pytest.param(float("inf"), marks=pytest.mark.slow),
        pytest.param("\0", marks=pytest.mark.slow),
    ],
)
def test_no_value_loses_a_sample(output_format: str, disk: Folder, value: Any) -> None:
    fields = [{"odd": value, "caption": SURROGATE, "url": f"https://x/{SURROGATE}"}]
    shard = shard_of({"odd": ["?"], "caption": ["?"]}, picture(), fields=fields)
    store(output_format, disk, shard)

    assert len(stored_pictures(output_format, disk)) == 1


@every_storing_format
def test_odd_text_of_ours_is_stored(output_format: str, disk: Folder) -> None:
    odd = EncodedImage(b"data", 1, 1, 1, 1, SURROGATE)
    store(output_format, disk, shard_of({}, odd))

    assert metadata(disk)["exif"].to_pylist() == ["a\ufffdb"]


# -- JSON and captions beside the picture


def documents(output_format: str, folder: Folder) -> list[dict[str, Any]]:
    return [
        json.loads(data)
        for name, data in sorted(stored_members(output_format, folder).items())
        if name.endswith(".json")
    ]


@every_json_format
@pytest.mark.parametrize("config", [CONFIG, BARE])
def test_the_json_has_the_metadata_of_the_table_in_its_order(
    output_format: str, folder: Folder, config: WriterConfig
) -> None:
    store(output_format, folder, mixed(), config)

    rows = [row for row in metadata(folder).to_pylist() if row["status"] == "success"]
    assert documents(output_format, folder) == rows
    assert [list(document) for document in documents(output_format, folder)] == [
        list(row) for row in rows
    ]


@every_json_format
def test_the_json_says_how_the_answer_came(output_format: str, disk: Folder) -> None:
    store(output_format, disk, answered(), WITH_FETCH)

    (document,) = documents(output_format, disk)
    assert list(document) == metadata(disk).column_names
    assert {name: document[name] for name in FETCH_COLUMNS} == {
        "final_url": "https://cdn.example.com/0.jpg",
        "http_status": 200,
        "content_type": "image/jpeg",
        "etag": '"x"',
        "last_modified": "Wed, 21 Oct 2015 07:28:00 GMT",
        "fetched_at": "2020-09-13T12:26:40.250Z",
        "body_bytes": 1234,
    }


@every_json_format
def test_the_json_has_the_verified_hash_once_in_the_columns_place(
    output_format: str, disk: Folder
) -> None:
    store(output_format, disk, shard_of({"n": [1], "sha256": ["expected"]}, picture()))

    (document,) = documents(output_format, disk)
    assert list(document) == ["n", "sha256", "url", *OWN, "exif"]
    assert document["sha256"] == DIGEST


@every_json_format
def test_captions_are_utf8_and_empty_for_null(output_format: str, folder: Folder) -> None:
    store(output_format, folder, mixed())

    members = stored_members(output_format, folder)
    texts = [members[name].decode() for name in sorted(members) if name.endswith(".txt")]
    assert texts == ["plain", "", 'zwölf\u2028"日本"\n']


@every_json_format
def test_without_captions_there_is_no_txt(output_format: str, disk: Folder) -> None:
    store(output_format, disk, mixed(), BARE)

    endings = {name.partition(".")[2] for name in stored_members(output_format, disk)}
    assert endings == {"png", "json"}


@every_json_format
def test_equal_samples_give_equal_bytes(output_format: str, tmp_path: Path) -> None:
    folders = [Folder(str(tmp_path / name)) for name in ("one", "two")]
    for folder in folders:
        store(output_format, folder, mixed())

    one, two = [stored_members(output_format, folder) for folder in folders]
    assert one == two
    if output_format == "webdataset":
        assert folders[0].read(f"{NAME}.tar") == folders[1].read(f"{NAME}.tar")
    assert folders[0].read(f"{NAME}.parquet") == folders[1].read(f"{NAME}.parquet")
