"""argv after the word "push" -> what is to be uploaded where, or the text of its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from img2dataset.cli.parse_verify import parse_boolean
from img2dataset.errors import OptionError

SEE_HELP = "img2dataset push --help  says how"
PUBLIC = "public"
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
    given: list[str] = []
    public = False
    for word in argv:
        spelled, equals, text = word.partition("=")
        name = spelled.lstrip("-").replace("-", "_")
        if not word.startswith("-"):
            given.append(word)
        elif name in ("help", "h"):
            return HELP_TEXT
        elif name == PUBLIC:
            public = parse_boolean(spelled, text if equals else "true")
        elif name in (f"no{PUBLIC}", f"no_{PUBLIC}") and not equals:
            public = False
        else:
            raise OptionError(f"unknown option {word}: {SEE_HELP}")
    if len(given) != 2:
        raise OptionError(f"push takes a folder and hf://datasets/OWNER/NAME: {SEE_HELP}")
    return PushOptions(given[0], given[1], public)
