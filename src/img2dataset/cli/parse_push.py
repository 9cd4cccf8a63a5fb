"""argv after the word "push" -> what is to be uploaded where, or the text of its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from img2dataset.cli.command_words import Grammar, read_words

GRAMMAR = Grammar("push", switches=("public",), others=("hf://datasets/OWNER/NAME",))
HELP_TEXT = """\
Upload a stored dataset to the Hugging Face Hub.

Usage:
  img2dataset push OUTPUT_FOLDER hf://datasets/OWNER/NAME[@REVISION][/FOLDER] [--public]

Makes the repository if it is not there, and uploads the shards, their metadata
and the card in several commits. After an interruption the same command goes on:
what is there is not uploaded again. More shards than the Hub takes in a folder
are put into folders of 1,000.
Needs  pip install 'img2dataset[hf]'  and a token that may write, in HF_TOKEN or
from  hf auth login.

Options:
  --public
      a repository that is made is public; without it, it is private

Exit codes: 0 uploaded; 1 the upload ended early; 2 wrong usage, no whole
dataset, or a token that may not write there.
"""


@dataclass(frozen=True, slots=True)
class PushOptions:
    """The options of `img2dataset push`."""

    output_folder: str
    destination: str
    public: bool = False


def parse_push(argv: Sequence[str]) -> PushOptions | str:
    """Parse the words after "push": options, or a text to show.

    Raises:
        OptionError: it cannot be understood.
    """
    words = read_words(GRAMMAR, argv)
    if words is None:
        return HELP_TEXT
    return PushOptions(words.folder, words.others[0], **words.switches)
