"""A stored dataset of webdataset -> its index files, also those that a run did not make; see `index`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from typing import Any

from img2dataset.dataset import replace as journal
from img2dataset.dataset.index_kinds import find_index_kinds, record_index_kinds
from img2dataset.dataset.opening import open_dataset
from img2dataset.dataset.run_lock import acquire_run_lock
from img2dataset.errors import OptionError, RunError
from img2dataset.formats.tar_indexes import SUFFIXES
from img2dataset.options import Options
from img2dataset.options.choices import IndexKind
from img2dataset.publishing import energon
from img2dataset.publishing.command import OWN_PARTS
from img2dataset.publishing.contents import Contents, read_contents
from img2dataset.publishing.energon_database import EnergonDatabase, build_database
from img2dataset.publishing.folder_file import PublishConfig
from img2dataset.publishing.index_files import INDEX_FILES
from img2dataset.publishing.indexed import Indexed
from img2dataset.publishing.main import hold_publish_lock
from img2dataset.publishing.shard_indexes import index_shards
from img2dataset.publishing.tars import list_tars
from img2dataset.storage.folder import Folder
from img2dataset.text import plural

Say = Callable[[str], None]


def index_dataset(output_folder: str, indexes: Any, say: Say) -> Indexed:
    """Check the arguments of `img2dataset.index`, and write what is missing.

    Raises:
        OptionError, RunError: as `index_folder`.
    """
    # what a run allows for the option of this name, in the same words
    asked = Options(url_list=None, indexes=indexes).index_kinds
    folder = open_dataset(output_folder, "index", OWN_PARTS.format("index"))
    return index_folder(folder, asked, say)


def index_folder(folder: Folder, asked: Collection[str] | None, say: Say) -> Indexed:
    """Write what is missing of the index files of a dataset.

    Args:
        folder: the output folder of a run, or of the old tool.
        asked: kinds to add to those that the dataset has; None = none.
        say: takes a line for each thing that a person should know.

    Raises:
        OptionError: there is no dataset of tars, or a run is writing it.
        RunError: something cannot be read or written.
    """
    try:
        with ExitStack() as stack:
            if not folder.names():
                raise OptionError(f"{folder.url!r} has no shards: there is nothing to index")
            if not stack.enter_context(acquire_run_lock(folder, say)):
                raise OptionError(f"{folder.url!r}: a run is writing there; wait for its end")
            journal.roll_forward(folder)
            contents = read_contents(folder)
            check_indexable(folder, contents)
            found = {*find_index_kinds(folder), *find_kinds_of_shards(contents), *(asked or ())}
            kinds = [kind for kind in IndexKind.names() if kind in found]
            record_index_kinds(folder, kinds)
            return write_indexes(folder, contents, kinds, say)
    except OSError as error:
        raise RunError(f"{folder.url} cannot be read or written: {error}") from error


def find_kinds_of_shards(contents: Contents) -> set[str]:
    """Find the kinds of index files that any shard has, also those that other programs made."""
    return {
        kind
        for kind, suffix in SUFFIXES.items()
        if any(shard.name + suffix in shard.sizes for shard in contents.shards)
    }


def check_indexable(folder: Folder, contents: Contents) -> None:
    if not contents.shards:
        raise OptionError(f"{folder.url!r} has no shards: there is nothing to index")
    if not list_tars(contents):
        raise OptionError(
            f"{folder.url!r} is of output_format {contents.output_format}: indexes are for the tars "
            "of webdataset"
        )


def write_indexes(folder: Folder, contents: Contents, kinds: Collection[str], say: Say) -> Indexed:
    """Write the index files of all shards, then those of the whole folder."""
    written = 0
    damaged: dict[str, str] = {}  # name of a shard -> why it cannot be indexed
    with open_database(folder, contents, kinds) as database:
        read_all = database is not None
        for shard in index_shards(folder, list_tars(contents), kinds, read_all=read_all):
            written += len(shard.written)
            if shard.problem is not None:
                damaged[shard.name] = shard.problem
                say(f"{shard.name}: {shard.problem}")
            elif database is not None and shard.contents is not None:
                database.add(shard.contents)
        if database is not None and damaged:
            database.give_up()
    if database is not None and not damaged:
        folder.write(energon.UUID, energon.make_uuid(contents))  # says of which tars it is
    with hold_publish_lock(folder):
        for line in write_folder_files(folder, kinds, damaged):
            say(line)
    folder.clear_parts()
    whole = list_tars(leave_out(contents, damaged))
    return Indexed(
        output_folder=folder.url,
        shards=len(whole),
        samples=sum(shard.successes for shard in whole),
        indexes=tuple(kinds),
        written=written,
        damaged=tuple(f"{name}: {problem}" for name, problem in damaged.items()),
    )


def open_database(
    folder: Folder, contents: Contents, kinds: Collection[str]
) -> AbstractContextManager[EnergonDatabase | None]:
    """Begin Energon's database if it is asked for, and not there as it should be."""
    if IndexKind.ENERGON not in kinds or energon.has_database(folder, contents):
        return nullcontext()
    return build_database(folder)


def leave_out(contents: Contents, damaged: Collection[str]) -> Contents:
    """Return the contents without the shards of these names."""
    shards = tuple(shard for shard in contents.shards if shard.name not in damaged)
    return replace(contents, shards=shards)


def write_folder_files(
    folder: Folder, kinds: Collection[str], damaged: Collection[str]
) -> list[str]:
    """Write the index files of the whole folder, without its damaged shards; return notices."""
    contents = read_contents(folder)  # with the files that were written
    whole = leave_out(contents, damaged)
    config = PublishConfig(index_kinds=tuple(kinds))
    notices: list[str] = []
    for each in INDEX_FILES:
        # by all shards: Energon has no files while one of them lacks its index
        if each.is_wanted(contents, config):
            notices += each.write(folder, whole)
        else:
            each.retract(folder)
    return notices


def summarize(done: Indexed) -> str:
    """Summarise in one line what was done."""
    kinds = ", ".join(["sizes.json", *done.indexes])
    files = plural(done.written, "file")
    text = (
        f"indexed: {kinds} of {plural(done.shards, 'shard')} with {plural(done.samples, 'sample')}"
    )
    broken = f"; {plural(len(done.damaged), 'shard')} damaged" if done.damaged else ""
    return f"{text} in {done.output_folder}; {files} beside tars written{broken}"
