"""A zip or tar archive -> the lists in it, each a file that is read where it is."""

from __future__ import annotations

from collections.abc import Iterable

from img2dataset.errors import OptionError
from img2dataset.sources.compression import Compression, detect_compression, unpack_head
from img2dataset.sources.file_ends import LocatedFile
from img2dataset.sources.hidden_files import is_hidden_name
from img2dataset.sources.opening import open_file_system, translate_errors

ZIP_MAGIC = b"PK\x03\x04"
TAR_MAGIC = slice(257, 262)
EXCEL = "[Content_Types].xml"
"""A member of every file of Office, which is a zip archive."""
MAX_SHOWN_NAMES = 5


def detect_archive(head: bytes) -> str | None:
    """Tell by its first bytes which archive a file is: "zip", "tar" (also compressed), or None."""
    if head.startswith(ZIP_MAGIC):
        return "zip"
    plain = unpack_head(head, detect_compression(head))
    return "tar" if plain[TAR_MAGIC] == b"ustar" else None


def list_members(file: LocatedFile, kind: str, base_format: str) -> list[LocatedFile]:
    """List the files in an archive that have the format by their names.

    Raises:
        OptionError: there are none, or the archive is damaged.
    """
    with translate_errors(OptionError, file.url):
        fs, _ = open_file_system(f"{kind}://::{file.url}")
        members = {
            str(name): info.get("size")
            for name, info in fs.find("", detail=True).items()
            if not any(map(is_hidden_name, str(name).strip("/").split("/")))
        }
    if EXCEL in members:
        raise OptionError(f"{file.url} is an Excel file: write its sheet as csv")
    chosen = choose_members(members, base_format)
    if not chosen:
        names = ", ".join(sorted(members)[:MAX_SHOWN_NAMES]) or "nothing"
        raise OptionError(
            f"{file.url} is a {kind} archive without *.{base_format} files: it has {names}; "
            f"input_format is {base_format!r}"
        )
    return [LocatedFile(f"{kind}://{name}::{file.url}", members[name]) for name in chosen]


def choose_members(names: Iterable[str], base_format: str) -> list[str]:
    """Choose the names with the ending of the format, also compressed; a single file in any case."""
    every = sorted(names)
    endings = [f".{base_format}", *(f".{base_format}.{kind.value}" for kind in Compression)]
    return [name for name in every if name.lower().endswith(tuple(endings))] or every[
        : len(every) == 1
    ]
