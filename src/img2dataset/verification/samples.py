"""A stored shard -> its samples one by one, as its format has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.dataset.layout import StoredShard
from img2dataset.errors import DamagedError
from img2dataset.formats.tar_reading import members
from img2dataset.formats.tfrecord_reading import bytes_features, records
from img2dataset.options import QUALITY
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import read_many, sizes

AT_ONCE = 64
"""Samples of a folder that are read together, and rows of a Parquet file."""


BUFFER = 1 << 20
"""Bytes of a column that are read at once."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a sample, or what stands for one."""

    size: int
    data: bytes | None
    """None if only its name was looked at."""


@dataclass(frozen=True, slots=True)
class Found:
    """A sample that is stored."""

    key: str
    files: dict[str, File]
    """By their extensions."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at, and how closely."""

    folder: Folder
    shard: StoredShard
    deep: bool
    """Whether all is to be read."""

    def picture_in(self, names: Iterable[str]) -> str:
        """What pictures are called: a feature or a column; as recorded, or the one that is there.

        Raises:
            DamagedError: there is none.
        """
        known = self.shard.options.get("encode_format")
        for name in names:
            if name == known or (known is None and name in QUALITY):
                return name
        raise DamagedError(f"no {known or 'picture'} in it")


Samples = Callable[[Look], Iterator[Found]]
"""A DamagedError says that they cannot be read to their end."""


def file_of(data: bytes) -> File:
    return File(len(data), data)


def in_tar(look: Look) -> Iterator[Found]:
    with open_checked(look.folder, f"{look.shard.name}.tar") as file:
        for key, group in groupby(members(file), key=lambda member: member.key):
            files: dict[str, File] = {}
            for member in group:
                if member.extension in files:
                    raise DamagedError(f"tar: {member.name} stands twice")
                files[member.extension] = file_of(member.data)
            yield Found(key, files)


def in_tfrecord(look: Look) -> Iterator[Found]:
    with open_checked(look.folder, f"{look.shard.name}.tfrecord") as file:
        for record in records(file):
            features = bytes_features(record.data)
            try:
                key = features["key"].decode()
            except (KeyError, UnicodeDecodeError) as error:
                raise DamagedError("tfrecord: a record without a key") from error
            picture = look.picture_in(features)
            yield Found(key, {picture: file_of(features[picture])})


def in_parquet(look: Look) -> Iterator[Found]:
    with open_checked(look.folder, f"{look.shard.name}.parquet") as file:
        parquet = pq.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)
        names = parquet.schema_arrow.names
        if not look.shard.options and not set(names) & set(QUALITY):
            return  # it may be the table of a shard of files, all of which failed
        picture = look.picture_in(names)
        batches = parquet.iter_batches(AT_ONCE, columns=["key", picture], use_threads=False)
        for batch in batches:
            pictures = batch.column(batch.schema.get_field_index(picture))
            keys = batch.column(batch.schema.get_field_index("key"))
            for key, data in zip(keys.to_pylist(), pictures, strict=True):
                if data.is_valid:
                    yield Found(key, {picture: file_of(bytes_of(data))})


def bytes_of(scalar: pa.Scalar) -> bytes:
    data: bytes = scalar.as_py()
    return data


def in_folder(look: Look) -> Iterator[Found]:
    """Files of one sample follow each other."""
    for key, group in groupby(files_in(look), key=lambda each: each.key):
        files: dict[str, File] = {}
        for each in group:
            files |= each.files
        yield Found(key, files)


def files_in(look: Look) -> Iterator[Found]:
    """Names and sizes; content is read only if all is to be: there are thousands of files."""
    inside = look.shard.name
    found = sizes(look.folder, inside) if inside in look.shard.files else {}
    names = iter(sorted(found))
    while some := list(islice(names, AT_ONCE)):
        wanted = [f"{inside}/{name}" for name in some] if look.deep else []
        contents = read_many(look.folder, wanted)
        for name in some:
            key, _, extension = name.partition(".")
            yield Found(key, {extension: File(found[name], contents.get(f"{inside}/{name}"))})


def in_nothing(look: Look) -> Iterator[Found]:
    del look
    return iter(())


SAMPLES: dict[str, Samples] = {
    "files": in_folder,
    "webdataset": in_tar,
    "parquet": in_parquet,
    "tfrecord": in_tfrecord,
    "dummy": in_nothing,
}
"""output_format -> its samples."""
