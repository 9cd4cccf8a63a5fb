"""argv after the word "index" -> what is to be indexed, or the text of its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from img2dataset.cli.command_words import Grammar, read_words
from img2dataset.cli.values import parse_value

INDEXES = "indexes"
GRAMMAR = Grammar("index", values=(INDEXES,))
HELP_TEXT = """\
Write the index files by which loaders find samples without reading the tars.

Usage:
  img2dataset index OUTPUT_FOLDER [--indexes=LIST]

For datasets of output_format webdataset, also those of img2dataset 1.47.0.
Writes what is missing or not of the tars, reading each tar once; interrupted,
the same command goes on.  OUTPUT_FOLDER may be any fsspec URL.

Options:
  --indexes=LIST
      dali, energon, webshart, wids, or all: kinds of indexes to add to those
      that the dataset has.  sizes.json, for open_clip, is always written;
      energon has its index.sqlite, which only this command makes

Exit codes: 0 every shard is indexed; 1 some are damaged, or could not be read;
2 wrong usage.
"""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """The options of `img2dataset index`."""

    output_folder: str
    indexes: Any = None
    """As the option of a run; not checked yet."""


def parse_index(argv: Sequence[str]) -> IndexOptions | str:
    """Parse the words after "index": options, or a text to show.

    Raises:
        OptionError: it cannot be understood.
    """
    words = read_words(GRAMMAR, argv)
    if words is None:
        return HELP_TEXT
    text = words.values.get(INDEXES)
    return IndexOptions(words.folder, text and parse_value("Sequence[str] | None", text))
