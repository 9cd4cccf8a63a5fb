"""What a kind of folder-wide file says about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from img2dataset.options import Options, make_config
from img2dataset.publishing.contents import Contents
from img2dataset.storage.folder import Folder


@dataclass(frozen=True, slots=True)
class PublishConfig:
    """Which folder-wide files are asked for; each field is an option of that name."""

    card: bool = True
    index_kinds: tuple[str, ...] = ()
    """Those that the dataset has: see IndexKind."""

    @classmethod
    def of(cls, options: Options) -> PublishConfig:
        """The part of the options that says what is published."""
        return make_config(cls, options)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFile:
    """A kind of folder-wide file: made from the whole dataset, after its shards."""

    is_wanted: Callable[[Contents, PublishConfig], bool]
    """Whether a dataset gets it."""
    write: Callable[[Folder, Contents], list[str]]
    """Writes it whole, through `storage/`; returns notices for people."""
    retract: Callable[[Folder], None]
    """Removes it, or what it says of counts and offsets; if there is none, does nothing.  A file of
    that name that somebody else has written, as the list itself, must stay."""
    names: tuple[str, ...] = ()
    """Its names in the output folder: a list that is a folder does not have these files."""


def may_replace(folder: Folder, name: str, is_ours: Callable[[Any], bool]) -> bool:
    """True if a JSON file is not there, or is one that may be written again or removed.

    Args:
        folder: the output folder.
        name: of the file: it may be a list of URLs that happens to be called so.
        is_ours: takes what the file says; a KeyError or TypeError of it is a no.
    """
    try:
        return is_ours(orjson.loads(folder.read(name)))
    except FileNotFoundError:
        return True
    except (ValueError, KeyError, TypeError):
        return False


def describe_foreign(folder: Folder, name: str) -> str:
    return f"{folder.path(name)} is no index of tars: it is left as it is, and none is made"
