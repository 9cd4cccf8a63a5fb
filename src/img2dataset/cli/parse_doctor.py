"""argv after the word "doctor" -> what is asked for, or the text of its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from img2dataset.cli.command_words import HELP
from img2dataset.cli.own_flags import OwnFlags, split_flags, split_plain
from img2dataset.cli.parse import read_options
from img2dataset.errors import OptionError
from img2dataset.options import Options

OWN = OwnFlags(switches=("report",))
SEE_HELP = "img2dataset doctor --help  lists the options"
PLAIN = ("url_list", "output_folder")
HELP_TEXT = """\
Check this machine before a big run: each line is ok, or says what to do.

Usage:
  img2dataset doctor [URL_LIST [OUTPUT_FOLDER]] [--report] [--name=value ...]

Looks at cores, memory, open files, compiled modules, the list, room and speed
of the disk, clock, certificates, proxy, and DNS, by the settings of the run.
Asks the resolver of this machine (or --dns_servers) for up to 200 hosts of the
list, connects to the proxy if there is one, and writes up to 66 MB of temporary
files into the output folder, or the nearest one above it; nothing else is sent
or stored.

Options:
  --report
      versions, platform and settings too, as text for a bug report; names,
      addresses and texts among the settings are left out
  --name=value
      any option of the run

Exit codes: 0 all is ok; 1 there is something to do; 2 wrong usage.
"""


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """The options of `img2dataset doctor`."""

    options: Options
    report: bool = False


def parse_doctor(argv: Sequence[str]) -> DoctorOptions | str:
    """Parse the words after "doctor": options, or a text to show.

    Raises:
        OptionError: they cannot be understood, or a value is not allowed.
    """
    if any(word.startswith("-") and word.lstrip("-") in HELP for word in argv):
        return HELP_TEXT
    own, rest = split_flags(OWN, argv)
    plain, flags = split_plain(rest)
    if len(plain) > len(PLAIN):
        raise OptionError(f"doctor takes a list and a folder, not {' '.join(plain)}; {SEE_HELP}")
    values = {"url_list": None, **read_options(flags), **dict(zip(PLAIN, plain, strict=False))}
    return DoctorOptions(Options(**values), "report" in own.switches)
