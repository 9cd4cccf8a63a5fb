"""argv after the word "card" -> the folder, or the text of its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from img2dataset.cli.command_words import Grammar, read_words

GRAMMAR = Grammar("card")
HELP_TEXT = """\
Write what lets others load a stored dataset, as a run does at its end.

Usage:
  img2dataset card OUTPUT_FOLDER

Writes README.md (the dataset card: features, splits and counts, by which
datasets.load_dataset and the Hugging Face Hub show images and metadata, and a
text for people), croissant.json and, of a dataset of files, metadata.parquet.
In a README.md that is there only the blocks between the marks of img2dataset
are renewed; one without these marks is left alone.
OUTPUT_FOLDER may be any fsspec URL, and a dataset of img2dataset 1.47.0.

Exit codes: 0 written; 1 the dataset could not be read or written; 2 wrong
usage, or a run is writing there.
"""


@dataclass(frozen=True, slots=True)
class CardOptions:
    """The options of `img2dataset card`."""

    output_folder: str


def parse_card(argv: Sequence[str]) -> CardOptions | str:
    """Parse the words after "card": options, or a text to show.

    Raises:
        OptionError: it cannot be understood.
    """
    words = read_words(GRAMMAR, argv)
    return HELP_TEXT if words is None else CardOptions(words.folder)
