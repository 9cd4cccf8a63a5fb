"""argv after the word "verify" -> what is to be verified, or the text of its help."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from img2dataset.cli.values import BOOLEANS
from img2dataset.errors import OptionError

SEE_HELP = "img2dataset verify --help  lists the options"
FOLDER = "output_folder"
SWITCHES = ("deep", "repair", "allow_gaps")
NEGATED = {prefix + name: name for name in SWITCHES for prefix in ("no", "no_")}
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
    folders: list[str] = []
    switches: dict[str, bool] = {}
    words = deque(argv)
    while words:
        word = words.popleft()
        spelled, equals, text = word.partition("=")
        name = spelled.lstrip("-").replace("-", "_")
        if not word.startswith("-"):
            folders.append(word)
        elif name in ("help", "h"):
            return HELP_TEXT
        elif name == FOLDER:
            folders.append(text if equals else take_value(spelled, words))
        elif name in SWITCHES:
            if not equals:  # as the command for a run: it takes only what can be its value
                text = words.popleft() if words and words[0].lower() in BOOLEANS else "true"
            switches[name] = parse_boolean(spelled, text)
        elif name in NEGATED and not equals:
            switches[NEGATED[name]] = False
        else:
            raise OptionError(f"unknown option {word}: {SEE_HELP}")
    if len(folders) != 1:
        what = "no folder is given" if not folders else f"more than one folder: {folders}"
        raise OptionError(f"verify: {what}; {SEE_HELP}")
    return VerifyOptions(folders[0], **switches)


def take_value(spelled: str, words: deque[str]) -> str:
    if not words:
        raise OptionError(f"{spelled} needs a value: write {spelled}=value")
    return words.popleft()


def parse_boolean(spelled: str, text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise OptionError(f"{spelled} is {text!r}: it must be True or False")
    return BOOLEANS[text.lower()]
