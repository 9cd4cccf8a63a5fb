"""argv after the word "estimate" -> what is asked for, or the text of its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from img2dataset.cli.command_words import HELP
from img2dataset.cli.own_flags import OwnFlags, split_flags
from img2dataset.cli.parse import read_options
from img2dataset.errors import OptionError
from img2dataset.estimation import DEFAULT_SAMPLE

OWN = OwnFlags(switches=("json",), values=("sample", "seed"))
SEE_HELP = "img2dataset estimate --help  lists the options"
HELP_TEXT = """\
Say what a run of a list would give, from a random sample; nothing is stored.

Usage:
  img2dataset estimate URL_LIST [--sample N] [--seed N] [--json]
                       [--name=value ...]

Reads the whole list once, fetches and processes random rows of it as a run with
the same options does, and shows how many rows will have an image, why others
will not, the time, the network and the disk that all of it needs, the busiest
and the worst hosts, duplicates, and the command to run.

Options:
  --sample=N  [default: 1000]
      rows to fetch; four times as many halve the intervals
  --seed=N  [default: 0]
      the same list, sample and seed give the same rows
  --json
      the estimate as one JSON document
  --name=value
      any option of a run; the estimate is of a run with it

Exit codes: 0 shown, whatever the success is; 1 the list became unreadable, or
workers do not start; 2 wrong usage, or the list cannot be used.
"""


@dataclass(frozen=True, slots=True)
class EstimateOptions:
    """The options of `img2dataset estimate`."""

    given: dict[str, Any] = field(default_factory=dict)
    """Those of a run, not checked yet."""
    sample: int = DEFAULT_SAMPLE
    seed: int = 0
    json: bool = False


def parse_estimate(argv: Sequence[str]) -> EstimateOptions | str:
    """Parse the words after "estimate": options, or a text to show.

    Raises:
        OptionError: they cannot be understood.
    """
    if any(word.startswith("-") and word.lstrip("-") in HELP for word in argv):
        return HELP_TEXT
    own, rest = split_flags(OWN, argv)
    given = read_options(rest)
    if given.get("url_list") is None:
        raise OptionError(f"estimate: url_list is missing: give the list of URLs first; {SEE_HELP}")
    return EstimateOptions(
        given,
        own.read_number("sample", DEFAULT_SAMPLE),
        own.read_number("seed", 0),
        "json" in own.switches,
    )
