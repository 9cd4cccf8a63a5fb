"""argv after the word "index" -> what is to be indexed, or the text of its help."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from img2dataset.cli.parse_verify import FOLDER, take_value
from img2dataset.cli.values import parse_value
from img2dataset.errors import OptionError

SEE_HELP = "img2dataset index --help  lists the options"
INDEXES = "indexes"
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
    folders: list[str] = []
    indexes: Any = None
    words = deque(argv)
    while words:
        word = words.popleft()
        spelled, equals, text = word.partition("=")
        name = spelled.lstrip("-").replace("-", "_")
        if not word.startswith("-"):
            folders.append(word)
        elif name in ("help", "h"):
            return HELP_TEXT
        elif name in (FOLDER, INDEXES):
            text = text if equals else take_value(spelled, words)
            if name == FOLDER:
                folders.append(text)
            else:
                indexes = parse_value("Sequence[str] | None", text)
        else:
            raise OptionError(f"unknown option {word}: {SEE_HELP}")
    if len(folders) != 1:
        what = "no folder is given" if not folders else f"more than one folder: {folders}"
        raise OptionError(f"index: {what}; {SEE_HELP}")
    return IndexOptions(folders[0], indexes)
