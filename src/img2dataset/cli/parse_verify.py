"""argv after the word "verify" -> what is to be verified, or the text of its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from img2dataset.cli.command_words import Grammar, read_words

GRAMMAR = Grammar("verify", switches=("deep", "repair", "allow_gaps"))
HELP_TEXT = """\
Check that a stored dataset is whole.

Usage:
  img2dataset verify OUTPUT_FOLDER [--deep] [--repair] [--allow_gaps]

Checks the stats, the table and every sample of every shard that is done.
Prints one line for each broken shard, and a summary as the last line.
OUTPUT_FOLDER may be any fsspec URL, and a dataset of img2dataset 1.47.0.

Options:
  --deep
      read and decode every image, too
  --repair
      remove the shards that are not whole and what interrupted runs left: the
      command that made the dataset makes them again
  --allow_gaps
      shards may be missing: the rest of the dataset is elsewhere

Exit codes: 0 whole; 1 not whole (or not before it was repaired), or it could
not be read; 2 wrong usage.
"""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """The options of `img2dataset verify`."""

    output_folder: str
    deep: bool = False
    repair: bool = False
    allow_gaps: bool = False


def parse_verify(argv: Sequence[str]) -> VerifyOptions | str:
    """Parse the words after "verify": options, or a text to show.

    Raises:
        OptionError: it cannot be understood.
    """
    words = read_words(GRAMMAR, argv)
    return HELP_TEXT if words is None else VerifyOptions(words.folder, **words.switches)
