"""The option `indexes` and what a dataset has -> the kinds of indexes that a run keeps current."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from img2dataset.dataset.index_kinds import find_index_kinds, record_index_kinds
from img2dataset.errors import RunError
from img2dataset.formats import find_format
from img2dataset.options import Options
from img2dataset.options.choices import IndexKind
from img2dataset.storage.folder import Folder


def add_kept_indexes(options: Options, folder: Folder) -> Options:
    """Add the kinds that the dataset has to those that are asked for; [] drops them.

    Raises:
        RunError: the folder cannot be read.
    """
    is_dropped = options.indexes is not None and not options.indexes
    is_new = options.incremental_mode == "overwrite"
    if is_dropped or is_new or not find_format(options.output_format).indexes:
        return options
    with translate_errors(folder):
        kept = find_index_kinds(folder)
    kinds = [kind for kind in IndexKind.names() if kind in (*kept, *options.index_kinds)]
    return replace(options, indexes=kinds or None)


def record_kept_indexes(options: Options, folder: Folder) -> None:
    """Record which kinds the dataset has from now on; of those that are dropped, remove the files
    of the whole folder.

    Raises:
        RunError: the folder cannot be written.
    """
    if not find_format(options.output_format).indexes:
        return
    with translate_errors(folder):
        record_index_kinds(folder, options.index_kinds)
        if options.indexes is None or options.indexes:
            return
        from img2dataset.publishing.index_files import OPTIONAL_FILES  # noqa: PLC0415  (few do)

        for each in OPTIONAL_FILES:
            each.retract(folder)


@contextmanager
def translate_errors(folder: Folder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"{folder.url} cannot be read or written: {error}") from error
