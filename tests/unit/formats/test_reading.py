"""Tars and TFRecords read back: what is whole, and where it is not."""

from __future__ import annotations

import io
import tarfile

import pytest

from img2dataset.errors import DamagedError
from img2dataset.formats.example import encode_example, frame_record
from img2dataset.formats.tar_reading import read_members
from img2dataset.formats.tfrecord_reading import parse_bytes_features, read_records

LONG = f"{'long' * 40}.jpg"


def tar_of(*names: str, form: int = tarfile.PAX_FORMAT, mtime: float = 1.5) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.mtime = mtime if form == tarfile.PAX_FORMAT else 1
            info.size = len(name.encode())
            tar.addfile(info, io.BytesIO(name.encode()))
    return file.getvalue()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_members_are_read_with_all_that_stands_for_them(form: int) -> None:
    names = ["0.jpg", LONG, "1.jpg", "é.json"]
    data = tar_of(*names, form=form)

    found = list(read_members(io.BytesIO(data)))

    assert [member.name for member in found] == names
    assert [member.data for member in found] == [name.encode() for name in names]
    assert data.startswith(b"".join(member.blocks for member in found))
    assert (found[0].key, found[0].extension) == ("0", "jpg")


def test_a_tar_is_whole_only_with_its_end() -> None:
    data = tar_of("0.jpg", form=tarfile.GNU_FORMAT)

    assert (
        len(list(read_members(io.BytesIO(data[:2048])))) == 1
    )  # a file of two blocks, and the end
    for size in (0, 100, 512, 700, 1024, 1536):
        with pytest.raises(DamagedError, match="cut short"):
            list(read_members(io.BytesIO(data[:size])))
    with pytest.raises(DamagedError, match="follows its end"):
        list(read_members(io.BytesIO(data[:2047] + b"x")))
    with pytest.raises(DamagedError, match="no member"):
        list(read_members(io.BytesIO(b"x" * 2048)))


def test_what_is_no_file_has_no_place_in_a_shard() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)

    with pytest.raises(DamagedError, match="folder is no file"):
        list(read_members(io.BytesIO(file.getvalue())))


def test_records_are_read_and_checked() -> None:
    made = [encode_example({"key": "a", "n": 3, "jpg": b"\xff\xd8"}), encode_example({"key": "b"})]
    data = b"".join(map(frame_record, made))

    found = list(read_records(io.BytesIO(data)))

    assert [record.data for record in found] == made
    assert b"".join(record.frame for record in found) == data
    assert parse_bytes_features(found[0].data) == {"key": b"a", "jpg": b"\xff\xd8"}
    for size in range(1, len(frame_record(made[0]))):
        with pytest.raises(DamagedError):
            list(read_records(io.BytesIO(data[:size])))
    for at in range(len(frame_record(made[0]))):
        with pytest.raises(DamagedError):
            list(read_records(io.BytesIO(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])))


@pytest.mark.parametrize("data", [b"\xff", b"\x08\x01", b"\x0a\x7f", b"\x0a\x02\x0a\x05"])
def test_a_record_that_is_no_example_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedError, match=r"no tf\.train\.Example"):
        parse_bytes_features(data)
