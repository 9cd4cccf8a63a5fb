"""Files that exist -> InputFiles: each with its fingerprint, and refused if it looks wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from img2dataset.errors import OptionError
from img2dataset.sources.archives import detect_archive, list_members
from img2dataset.sources.columns import list_columns
from img2dataset.sources.compression import NAMES, Compression, detect_compression
from img2dataset.sources.config import InputFile, SourceConfig
from img2dataset.sources.encodings import describe_wrong_encoding
from img2dataset.sources.file_ends import LocatedFile, read_ends, read_ends_of_one
from img2dataset.sources.foreign_files import describe_bad_parquet, describe_foreign
from img2dataset.sources.format_check import guess_format_by_name
from img2dataset.sources.hidden_files import CHECKSUM
from img2dataset.sources.opening import translate_errors

MAX_FILES_AT_ONCE = 256
"""With both ends in memory."""


InspectFile = Callable[[InputFile, bytes, "bytes | None"], "int | None"]
"""Takes a file with its head and its tail (None if it cannot be reached); raises BadListError if it
looks wrong, else returns its rows if these bytes tell them."""


def identify_files(
    found: Sequence[LocatedFile], config: SourceConfig, look_at: InspectFile
) -> Iterator[InputFile]:
    """Yield the files with their fingerprints; refuse one that cannot be read or looks wrong."""
    for start in range(0, len(found), MAX_FILES_AT_ONCE):
        some = found[start : start + MAX_FILES_AT_ONCE]
        for file, (head, tail) in zip(some, read_ends(some), strict=True):
            kind = detect_archive(head) if config.base_format != "parquet" else None
            if kind is None:
                yield identify_file(file, (head, tail), config, look_at)
                continue
            for member in list_members(file, kind, config.base_format):
                yield identify_file(member, read_ends_of_one(member), config, look_at)


def identify_file(
    file: LocatedFile, ends: tuple[bytes, bytes | None], config: SourceConfig, look_at: InspectFile
) -> InputFile:
    head, tail = ends
    compression = detect_compression(head)
    problem = describe_foreign(head) or describe_wrong_signature(file, head, tail, config)
    if problem and file.url.endswith(CHECKSUM):
        problem = "is a checksum file, not a list: name the file that it is of, or the folder"
    if problem:
        raise OptionError(f"{file.url} {problem}")
    digest = hashlib.sha256(head)
    digest.update(tail or b"")
    identity = InputFile(file.url, file.size, digest.hexdigest(), compression=compression)
    with translate_errors(OptionError, file.url):
        rows = look_at(identity, head, tail)
    return identity if rows is None else replace(identity, rows=rows)


def describe_wrong_signature(
    file: LocatedFile, head: bytes, tail: bytes | None, config: SourceConfig
) -> str | None:
    """Describe what is wrong with the first and last bytes of a file; None if nothing is."""
    expected = config.input_format
    is_parquet = head.startswith(b"PAR1")
    compression = detect_compression(head)
    if expected == "parquet":
        is_whole = is_parquet and (tail is None or tail.endswith(b"PAR1"))
        if compression is not None:
            return f"is compressed by {NAMES[compression]}: unpack it, Parquet is read in parts"
        return None if is_whole else describe_bad_parquet(head, file.size)
    if is_parquet:
        return f"is a Parquet file, but input_format is {expected!r}: input_format=parquet reads it"
    if compression is None and config.compressed:
        name = NAMES[Compression(expected.partition(".")[2])]
        return f"is not a {name} file, but input_format is {expected!r}"
    if compression is not None:
        # txt is the default: then the name knows better what is in it
        other = guess_format_by_name(file.url) if expected == "txt" else None
        wanted = f"{other}.{compression.value}"
        return (
            other and f"is a {NAMES[compression]} file: input_format must be {wanted!r}, not 'txt'"
        )
    return describe_wrong_encoding(head, asks_for_texts=len(list_columns(config)) > 1)
