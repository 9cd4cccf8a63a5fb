"""What an output format says about itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Protocol

from img2dataset.errors import DamagedError
from img2dataset.options import QUALITY, Options, make_config
from img2dataset.records import Sample
from img2dataset.storage.folder import Folder

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = ".parquet"
"""Suffix of the metadata table, which every format but dummy stores."""


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """What is stored of a sample."""

    encode_format: str
    """jpg, png or webp: the extension, and the name of the binary column."""
    captions: bool
    extract_exif: bool
    compute_hash: str | None
    save_fetch_metadata: bool = False
    """Whether to store how each response came: see `fetched`."""
    save_opt_out_signals: bool = False
    """Whether to store what owners say about the use of their images: see `opt_out`."""
    index_kinds: Collection[str] = ()
    """Kinds of indexes, see IndexKind."""
    disable_all_reencoding: bool = False
    """Whether images are stored as downloaded: of any kind, and nothing is known of their size."""
    parquet_layout: str = "default"
    """How images lie in a Parquet table: see `image_column`."""
    mds_compression: str = "none"
    """Of the files of MDS: none or zstd."""

    @classmethod
    def of(cls, options: Options) -> WriterConfig:
        """The part of the options that says what is stored."""
        return make_config(cls, options, captions=options.caption_col is not None)


class Writer(Protocol):
    """Stores one shard.  Called from one thread."""

    def write(self, sample: Sample) -> None:
        """Take a sample: every row of the shard exactly once, failures too, in any order."""

    def commit(self) -> None:
        """Make the shard visible under its final names: all of it but the stats file."""

    def abort(self) -> None:
        """Remove everything of the shard; also after a commit that failed, and twice."""


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """The rows of a stored shard that is completed, by their keys."""

    kept: frozenset[str]
    """Rows that have an image."""
    refetched: frozenset[str]
    """Rows that were fetched again."""


Merge = Callable[[IO[bytes], IO[bytes], IO[bytes], ShardKeys], None]
"""Takes a stored file, the same file of the refetched rows, the file to write, and the keys.

Raises:
    DamagedError: the stored file is not whole, or lacks something.
    MismatchError: the stored file was made with other options.
"""


MergeFolder = Callable[[Folder, str, str, ShardKeys], None]
"""Takes the output folder, the name of a stored folder, the one of the refetched rows' folder, and
the keys: leaves in the latter what is to be put into the former.  Raises as Merge does."""


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file of a stored sample, or a value that stands for one."""

    size: int
    data: bytes | None
    """None if only its name and size were read."""

    @classmethod
    def of(cls, data: bytes) -> SampleFile:
        return cls(len(data), data)


@dataclass(frozen=True, slots=True)
class StoredSample:
    """A sample read back from a shard."""

    key: str
    files: Mapping[str, SampleFile]
    """By their extensions."""


@dataclass(frozen=True, slots=True)
class ShardReader:
    """A stored shard to be read, and how closely."""

    folder: Folder
    name: str
    names: frozenset[str]
    """Names in the output folder that are this shard's."""
    encode_format: str | None
    """None if the options that the shard was made with were not recorded."""
    read_content: bool
    """False: names and sizes are enough, where they can be had without the content."""

    def image_name(self, names: Iterable[str]) -> str:
        """The feature or column with the images: the recorded one, or the one that is there.

        Raises:
            DamagedError: there is none.
        """
        known = self.encode_format
        for name in names:
            if name == known or (known is None and name in QUALITY):
                return name
        raise DamagedError(f"no {known or 'image'} in it")


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """The files of a stored shard, and where they are now."""

    folder: Folder
    name: str
    """Of the shard."""
    inside: str = ""
    """The folder in the output folder; empty = the output folder itself."""

    def path(self, suffix: str) -> str:
        """Return the name of a file, relative to the output folder."""
        return f"{self.inside}/{self.name}{suffix}" if self.inside else self.name + suffix


def reserve_nothing(encode_format: str) -> frozenset[str]:
    del encode_format
    return frozenset()


def add_files(folder: Folder, stored: str, new: str, keys: ShardKeys) -> None:
    """Merge a folder into which the new files are put as they are."""
    del folder, stored, new, keys


def accept_all(options: Options) -> None:
    del options


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """An output format; everything that differs from one to another."""

    files: Mapping[str, Merge | None]
    """What a shard stores: suffix -> how `incremental_mode=retry` merges the file.

    The samples' file is the first, the table (TABLE) the last.  The suffix "" is a folder, which
    `merge_folder` merges: its value here is None.
    """
    writer: Callable[[Folder, str, pa.Table, WriterConfig], Writer]
    """Begins the shard of a name; row i of the table holds the input columns of its i-th row."""
    read_samples: Callable[[ShardReader], Iterator[StoredSample]]
    """The samples of a shard, for `img2dataset verify`; a DamagedError if they cannot be read to
    their end."""
    reserved_columns: Callable[[str], frozenset[str]] = reserve_nothing
    """encode_format -> names that the format takes, which input columns may therefore not have."""
    has_member_files: bool = False
    """Whether image, JSON and caption of a sample are separate files."""
    indexes: Mapping[str, str] = field(default_factory=dict)
    """The index files that a shard may have besides: kind, see IndexKind, -> suffix."""
    merge_folder: MergeFolder = add_files
    """How `incremental_mode=retry` merges the folder of a format that has one."""
    folder_mark: str | None = None
    """A file that is in the folder of every shard, and in no folder of another format."""
    check_options: Callable[[Options], None] = accept_all
    """Refuses, by an OptionError, values of its own options that cannot be followed here."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        return tuple(self.files)

    @property
    def stores_rows(self) -> bool:
        """False for dummy."""
        return bool(self.files)

    @property
    def images_in_table(self) -> bool:
        """Whether the metadata table is the samples' file."""
        return self.suffixes[:1] == (TABLE,)

    @property
    def container(self) -> str:
        """What the samples are in, for messages."""
        return self.suffixes[0].removeprefix(".") or "folder"
