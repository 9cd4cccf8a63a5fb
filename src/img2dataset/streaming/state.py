"""The state of a stream: what it reads, and which rows are done; and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.sources import Source
from img2dataset.streaming.row_ranges import RowRanges

VERSION = 1
NUMBERING = (
    "input_format",
    "url_col",
    "number_sample_per_shard",
    "columns",
    "delimiter",
    "quoting",
    "rename_columns",
    "url_template",
    "where",
    "deduplicate",
    "shuffle",
)
"""Options that decide which rows a list has, and in which order."""


def dump_state(source: Source, options: Options, done: RowRanges) -> dict[str, Any]:
    """Make the state: plain values, which JSON can hold."""
    return {
        "version": VERSION,
        "list": compute_fingerprint(source),
        "options": pick_numbering(options),
        "done": [[start, stop] for start, stop in done],
    }


def load_done(state: Mapping[str, Any], source: Source, options: Options) -> RowRanges:
    """Return the rows that are done.

    Raises:
        OptionError: the state is not one, or of another list, or of options by which its rows have
            other numbers.
    """
    try:
        version, fingerprint, before = state["version"], state["list"], dict(state["options"])
        done = RowRanges((int(start), int(stop)) for start, stop in state["done"])
    except (KeyError, TypeError, ValueError) as error:
        raise OptionError("the state is not one that state_dict() made") from error
    if version != VERSION:
        raise OptionError(f"the state is of version {version!r}: this version reads {VERSION}")
    for name, value in pick_numbering(options).items():
        if before.get(name) != value:
            raise OptionError(
                f"{name} is {value!r}, and was {before.get(name)!r} when the state was made: its "
                "rows would have other numbers"
            )
    if fingerprint != compute_fingerprint(source):
        raise OptionError(
            "the state is of another list: url_list has other files, or other content, than when "
            "it was made"
        )
    return done


def pick_numbering(options: Options) -> dict[str, Any]:
    """Pick the options of NUMBERING, as JSON has their values."""
    values = {name: getattr(options, name) for name in NUMBERING}
    return {
        name: list(value) if isinstance(value, tuple | list) else value
        for name, value in values.items()
    }


def compute_fingerprint(source: Source) -> str:
    """Compute SHA-256 over sizes and fingerprints of the files; their names do not matter."""
    files = [[file.size, file.fingerprint] for file in source.files]
    return sha256(json.dumps(files).encode()).hexdigest()
