"""argv after the word "inspect" or "report" -> what is asked for, or the text of its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from img2dataset.cli.command_words import Grammar, read_words
from img2dataset.errors import OptionError

INSPECT = Grammar(
    "inspect",
    switches=("json", "failed"),
    values=("reason", "host", "output", "sample", "seed"),
)
REPORT = Grammar("report", values=("html", "seed"))
INSPECT_HELP = """\
Look at a stored dataset: what it holds, and why rows have no image.

Usage:
  img2dataset inspect OUTPUT_FOLDER [--json]
  img2dataset inspect OUTPUT_FOLDER --failed [--reason R] [--host H] [--output FILE]
  img2dataset inspect OUTPUT_FOLDER --sample K --output FOLDER [--seed N]

Reads stats files and metadata tables; nothing is downloaded or changed.
OUTPUT_FOLDER may be any fsspec URL, and a dataset of img2dataset 1.47.0.

Options:
  --json
      everything that was found, as one JSON document
  --failed
      the failed rows as CSV: the columns of the list, key, status,
      error_message and reason
  --reason=R, --host=H
      only rows that failed for this reason (docs/reasons.md), or of this host
  --output=FILE
      with --failed: write a new list with the columns of the first one, which can
      be run again; its ending says which: .csv, .tsv, .txt, .jsonl, .parquet
  --sample=K, --output=FOLDER, --seed=N
      copy K random images into a new folder, with samples.csv

Exit codes: 0 shown or written; 1 something could not be read, or is damaged;
2 wrong usage, no dataset, or no row that matches.
"""
REPORT_HELP = """\
Write one HTML file about a stored dataset, which needs nothing else.

Usage:
  img2dataset report OUTPUT_FOLDER [--html FILE] [--seed N]

Counts, reasons in plain words with what to do, hosts, sizes, captions,
duplicates, a sample of images, and what others could download of known lists.
Nothing is downloaded or changed.  Prints the path of the file.
OUTPUT_FOLDER may be any fsspec URL, and a dataset of img2dataset 1.47.0.

Options:
  --html=FILE
      where to; without it, NAME-report.html in the current folder.  A page of
      this command is replaced, no other file
  --seed=N
      which images are shown: the same number shows the same ones

Exit codes: 0 written; 1 something could not be read, or is damaged; 2 wrong
usage, or no dataset.
"""


@dataclass(frozen=True, slots=True)
class InspectOptions:
    """The options of `img2dataset inspect`."""

    output_folder: str
    json: bool = False
    failed: bool = False
    reason: str | None = None
    host: str | None = None
    output: str | None = None
    sample: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options of `img2dataset report`."""

    output_folder: str
    html: str | None = None
    seed: int = 0


def parse_inspect(argv: Sequence[str]) -> InspectOptions | str:
    """Parse the words after "inspect": options, or a text to show.

    Raises:
        OptionError: it cannot be understood.
    """
    words = read_words(INSPECT, argv)
    if words is None:
        return INSPECT_HELP
    asked = InspectOptions(
        words.folder,
        json=words.switches.get("json", False),
        failed=words.switches.get("failed", False),
        reason=words.values.get("reason"),
        host=words.values.get("host"),
        output=words.values.get("output"),
        sample=_read_number("sample", words.values.get("sample"), 1),
        seed=_read_number("seed", words.values.get("seed"), 0) or 0,
    )
    _check_together(asked)
    return asked


def parse_report(argv: Sequence[str]) -> ReportOptions | str:
    """Parse the words after "report": options, or a text to show.

    Raises:
        OptionError: it cannot be understood.
    """
    words = read_words(REPORT, argv)
    if words is None:
        return REPORT_HELP
    seed = _read_number("seed", words.values.get("seed"), 0) or 0
    return ReportOptions(words.folder, words.values.get("html"), seed)


def _check_together(asked: InspectOptions) -> None:
    modes = [
        name
        for name, is_given in (
            ("--json", asked.json), ("--failed", asked.failed), ("--sample", asked.sample is not None),
        )
        if is_given
    ]  # fmt: skip
    if len(modes) > 1:
        raise OptionError(f"inspect: {' and '.join(modes)} cannot be given together")
    if not asked.failed and (asked.reason is not None or asked.host is not None):
        raise OptionError("inspect: --reason and --host choose failed rows: add --failed")
    if asked.sample is not None and asked.output is None:
        raise OptionError("inspect: --sample needs --output=FOLDER for the images")
    if asked.output is not None and asked.sample is None and not asked.failed:
        raise OptionError("inspect: --output goes with --failed or --sample; report writes a page")


def _read_number(name: str, text: str | None, least: int) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise OptionError(f"--{name} is {text!r}: it must be a whole number of at least {least}")
    return int(text)
