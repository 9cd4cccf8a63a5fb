"""Check that objects have the wanted keys: one that the first lacks may come later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from img2dataset.sources.columns import check_columns, list_read_columns
from img2dataset.sources.config import InputFile, SourceConfig
from img2dataset.sources.json_objects import Objects
from img2dataset.sources.paths import list_inner_paths
from img2dataset.sources.reading import Reading

Batches = Callable[[Reading, SourceConfig], Iterator[Objects]]


class KeyCheck:
    """Look for the wanted keys in the files of a list.

    The URL must be somewhere in each file, any other key somewhere in the list.  Mostly all are
    in the first objects; only if not, more is read.
    """

    def __init__(self, files: Sequence[InputFile], batches: Batches) -> None:
        self._files = files
        self._batches = batches
        self._seen: dict[str, None] = {}  # in order

    def checked(self, reading: Reading, config: SourceConfig) -> Iterator[Objects]:
        """Yield the objects of a file; note what is malformed.

        Raises:
            BadListError: a wanted key is in no object, or there are no objects.
        """
        is_first = True
        for objects in self._batches(reading, config):
            if is_first and objects.rows:
                self._check(objects, config, reading.file)
                is_first = False
            reading.findings.add_malformed(reading.file.url, objects.problems, objects.example)
            yield objects

    def _check(self, first: Objects, config: SourceConfig, file: InputFile) -> None:
        """Refuse a file that begins with these objects and lacks a key."""
        keys = collect_keys(first)
        self._seen |= keys
        url_keys = set(config.url_sources)
        if not url_keys <= keys.keys():
            keys |= self._keys_until(url_keys, config, file)
            self._seen |= keys
        wanted = {column.source for column in list_read_columns(config)}
        wanted |= {old for old, _ in config.renames}
        others = [each for each in self._files if each.url != file.url]
        for each in (file, *others):
            missing = wanted - self._seen.keys()
            if missing:
                self._seen |= self._keys_until(missing, config, each)
        list_paths = partial(list_inner_paths, first.rows[0])
        if not url_keys <= keys.keys():
            check_columns(list(keys), config, file.url, list_paths)
        check_columns(list(self._seen), config, file.url, list_paths)

    def _keys_until(
        self, wanted: set[str], config: SourceConfig, file: InputFile
    ) -> dict[str, None]:
        """Collect the keys of a file, until all wanted ones have been seen."""
        keys: dict[str, None] = {}
        with Reading(file) as reading:
            for objects in self._batches(reading, config):
                keys |= collect_keys(objects)
                if wanted <= keys.keys():
                    break
        return keys


def collect_keys(objects: Objects) -> dict[str, None]:
    return dict.fromkeys(key for row in objects.rows for key in row)


def keep_url_only(config: SourceConfig) -> SourceConfig:
    """Copy the config without all columns but the URL, or what it is made of."""
    of_template = tuple(pair for pair in config.renames if pair[0] in config.url_sources)
    return replace(
        config,
        url_col=config.url_source,
        caption_col=None,
        additional_columns=(),
        bbox_col=None,
        verify_hash=None,
        where=None,
        renames=() if config.url_template is None else of_template,
    )
