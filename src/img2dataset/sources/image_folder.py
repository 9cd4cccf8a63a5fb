"""A folder of images -> Shards: each image is a row, with the texts that lie beside it.

The columns are `url`, `path` (in the folder), and for each ending of other files with the names of images
one of this name: of `a.jpg`, `txt` is the text in `a.txt`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, Self, cast

import pyarrow as pa

from img2dataset.errors import OptionError
from img2dataset.options.url_schemes import NEVER_ALLOWED, WEB_SCHEMES
from img2dataset.records import PROBLEM, URL
from img2dataset.sources.columns import check_columns, list_read_columns
from img2dataset.sources.config import BadListError, InputFile, SourceConfig
from img2dataset.sources.findings import Findings
from img2dataset.sources.image_names import Listing, Place, is_image_name, split_name
from img2dataset.sources.image_texts import read_texts
from img2dataset.sources.line_source import FilePart, LineSource, Types
from img2dataset.sources.opening import translate_errors
from img2dataset.sources.reading import Reading
from img2dataset.sources.tables import select_columns
from img2dataset.storage.file_systems import is_local
from img2dataset.storage.schemes import scheme_of
from img2dataset.text import plural

PATH = "path"
OWN_COLUMNS = (URL, PATH)
BATCH_ROWS = 1000
MAX_SHOWN_ENDINGS = 5


@dataclass(frozen=True, slots=True)
class ImageFolder(InputFile):
    """A folder of images; its `fingerprint` is that of the names in their order."""

    endings: tuple[str, ...] = ()
    """Of the files beside images that have their names."""
    others: tuple[tuple[str, int], ...] = ()
    """(ending, files) of those that are neither images nor beside one."""


def find_folders(locations: Sequence[str | PathLike[str]]) -> tuple[ImageFolder, ...]:
    """Look through the folders that these locations name; several may have commas between.

    Raises:
        OptionError: one is no folder, or cannot be read.
    """
    found = []
    for location in locations:
        text = str(fspath(location))
        parts = [text] if is_folder(text) else [each.strip() for each in text.split(",")]
        found += [survey(part) for part in parts]
    return tuple(found)


def is_folder(location: str) -> bool:
    scheme = scheme_of(location).lower()
    if scheme in NEVER_ALLOWED or scheme in WEB_SCHEMES or "::" in location.partition("://")[0]:
        raise OptionError(
            f"url_list {location!r} is no folder of images: input_format is 'folder', which reads "
            "local folders and those of stores such as s3"
        )
    with translate_errors(OptionError, location):
        place = Place.of(location)
        try:
            return bool(place.fs.info(place.path)["type"] == "directory")
        except (FileNotFoundError, NotADirectoryError):
            return False


def survey(location: str) -> ImageFolder:
    """Look through a folder once: how many images it has, and what is beside them."""
    if not is_folder(location):
        raise OptionError(
            f"url_list {location!r} is no folder: input_format is 'folder', which makes a dataset of "
            "the images in one"
        )
    digest = hashlib.sha256()
    rows = 0
    endings: set[str] = set()
    others: Counter[str] = Counter()
    with translate_errors(OptionError, location):
        place = Place.of(location)
        for listing in place.walk():
            images = list_images(listing, digest)
            stems = {split_name(name)[0] for name in images}
            rows += len(images)
            for name in listing.names:
                stem, ending = split_name(name)
                if not is_image_name(name):
                    if stem in stems and ending:
                        endings.add(ending)
                    else:
                        others[ending.lower()] += 1
    url = place.path if is_local(place.fs) else location
    sorted_endings = tuple(sorted(endings.difference(OWN_COLUMNS)))
    return ImageFolder(
        url, None, digest.hexdigest(), rows, endings=sorted_endings, others=tuple(others.items())
    )


def list_images(listing: Listing, digest: Any) -> list[str]:
    """Return the names of images, and add them to the digest of the list."""
    images = [name for name in listing.names if is_image_name(name)]
    for name in images:
        digest.update(f"{listing.inside}{name}\0".encode(errors="surrogateescape"))
    return images


class FolderReading:
    """One pass over a folder: what a `Reading` is to a file of lines; positions are rows."""

    def __init__(self, folder: ImageFolder) -> None:
        self.file = folder
        self.position = 0
        self.documents = 0
        self.findings = Findings()
        self.changed = False
        """Whether it had other names at its end than when it was looked through."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def batches(self, place: Place) -> Iterator[list[tuple[str, str, frozenset[str]]]]:
        """Yield images, some at a time: the path of each, without its ending, and the names beside it."""
        digest = hashlib.sha256()
        batch: list[tuple[str, str, frozenset[str]]] = []
        for listing in place.walk():
            names = frozenset(listing.names)
            for name in list_images(listing, digest):
                batch.append((listing.inside, name, names))
                if len(batch) >= BATCH_ROWS:
                    self.position += len(batch)
                    yield batch
                    batch = []
        self.changed = digest.hexdigest() != self.file.fingerprint
        self.position += len(batch)
        yield batch


class FolderFormat:
    """A LineFormat."""

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:  # noqa: ARG002
        return dict.fromkeys(config.additional_columns, pa.string())

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:  # noqa: ARG002
        return list_columns_of([cast("ImageFolder", reading.file)])

    def all_names(
        self,
        files: tuple[InputFile, ...],
        first: InputFile,  # noqa: ARG002
        config: SourceConfig,  # noqa: ARG002
    ) -> list[str]:
        return list_columns_of(cast("Iterable[ImageFolder]", files))

    def tables(self, reading: Reading, config: SourceConfig, types: Types) -> Iterator[pa.Table]:
        folder = cast("FolderReading", reading)
        place = Place.of(folder.file.url)
        wanted = {column.source for column in list_read_columns(config)}.difference(OWN_COLUMNS)
        schema = pa.schema(list(types.items()))
        for batch in folder.batches(place):
            paths = [inside + name for inside, name, _ in batch]
            columns: dict[str, Sequence[str | None]] = {
                URL: [place.make_url(path) for path in paths],
                PATH: paths,
            }
            problems: list[str | None] = [None] * len(batch)
            for ending in sorted(wanted):
                columns[ending] = read_texts(place, batch, ending, problems, folder.findings)
            arrays = {
                name: pa.array(map(clean_text, texts), pa.string())
                for name, texts in columns.items()
            }
            table = select_columns(pa.table(arrays), config, schema)
            yield table.append_column(PROBLEM, pa.array(problems, pa.string()))


def list_roots(files: Iterable[InputFile]) -> tuple[str, ...]:
    """The beginnings of the URLs of all images in these folders."""
    return tuple(Place.of(file.url).url for file in files)


def list_columns_of(folders: Iterable[ImageFolder]) -> list[str]:
    endings = {ending for folder in folders for ending in folder.endings}
    return [*OWN_COLUMNS, *sorted(endings)]


class FolderSource(LineSource):
    """A list that is a folder of images."""

    def __init__(self, files: tuple[ImageFolder, ...], config: SourceConfig) -> None:
        self._changed: set[str] = set()
        self._readings: list[FolderReading] = []
        super().__init__(files, config, FolderFormat(), describe_others(files))

    def open_reading(self, part: FilePart) -> Reading:
        reading = FolderReading(cast("ImageFolder", part.file))
        self._readings = [*self._readings[-len(self.files) :], reading]
        return cast("Reading", reading)

    def findings(self) -> tuple[str, ...]:
        changed = dict.fromkeys(each.file.url for each in self._readings if each.changed)
        texts = [
            f"{url} has changed while it was read: images may be missing, or in the dataset twice"
            for url in changed
        ]
        return (*super().findings(), *texts)

    def rows_total(self) -> int | None:
        if self._config.where is not None or self._config.deduplicate is not None:
            return None
        return sum(file.rows or 0 for file in self.files)

    def fraction_read(self) -> float:
        return min(1.0, self._read / sum(file.rows or 0 for file in self.files))

    def _has_rows(self, file: InputFile) -> bool:
        return bool(file.rows)


def open_files(files: tuple[ImageFolder, ...], config: SourceConfig) -> FolderSource:
    """Open a list of folders.

    Raises:
        OptionError: they have no images, or not the columns that are asked for.
    """
    for folder in files:
        if not folder.rows:
            raise OptionError(
                f"url_list has no rows: there is no image in the folder {folder.url}"
                f"{describe_endings(Counter(dict(folder.others)))}"
            )
    if config.url_template is None and config.url_source != URL:
        raise OptionError(
            f"url_col is {config.url_col!r}, but input_format is 'folder': its images are in the "
            "column url"
        )
    try:
        check_columns(list_columns_of(files), config, files[0].url)
    except BadListError as error:
        raise OptionError(str(error)) from error
    return FolderSource(files, config)


def describe_others(folders: Sequence[ImageFolder]) -> tuple[str, ...]:
    """Say which files are left out."""
    others: Counter[str] = Counter()
    for folder in folders:
        others.update(dict(folder.others))
    if not others:
        return ()
    files = plural(sum(others.values()), "file is left out", "files are left out")
    return (f"url_list: {files}, by their endings no images{describe_endings(others)}",)


def describe_endings(others: Counter[str]) -> str:
    shown = [
        f"{f'.{ending}' if ending else 'no ending'}: {count:,}"
        for ending, count in others.most_common(MAX_SHOWN_ENDINGS)
    ]
    return f" ({', '.join(shown)}{' ...' if len(others) > len(shown) else ''})" if shown else ""


def clean_text(text: str | None) -> str | None:
    """Return a text that can be stored: a name that is not UTF-8 has replacement characters."""
    return None if text is None else text.encode("utf-8", "replace").decode()
