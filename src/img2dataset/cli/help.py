"""Options -> the text of --help."""

from __future__ import annotations

import textwrap
from dataclasses import MISSING, Field, fields
from typing import Any

from img2dataset.options import Group, Options
from img2dataset.version import VERSION

WIDTH = 80

INTRODUCTION = f"""\
img2dataset {VERSION}: turn a list of image URLs into an image dataset.

Usage:
  img2dataset URL_LIST [IMAGE_SIZE [OUTPUT_FOLDER]] [--name=value ...]
  img2dataset estimate URL_LIST [--sample=N] [--json] [--name=value ...]
  img2dataset doctor [URL_LIST [OUTPUT_FOLDER]] [--report] [--name=value ...]
  img2dataset recipe [NAME [--run OUTPUT]]
  img2dataset verify OUTPUT_FOLDER [--deep] [--repair] [--allow_gaps]
  img2dataset card OUTPUT_FOLDER
  img2dataset index OUTPUT_FOLDER [--indexes=LIST]
  img2dataset inspect OUTPUT_FOLDER [--json | --failed | --sample K]
  img2dataset report OUTPUT_FOLDER [--html FILE]
  img2dataset push OUTPUT_FOLDER hf://datasets/OWNER/NAME [--public]

Examples:
  img2dataset urls.txt --output_folder=images
  img2dataset pairs.parquet --input_format=parquet --url_col=URL \\
      --caption_col=TEXT --output_format=webdataset --output_folder=pairs
  img2dataset --config=job.toml --retries=2

The list is read as txt, one URL a line, unless --input_format says otherwise.
Run the same command again to resume an interrupted run.
Write --name=value or --name value, with _ or - inside names; --name and
--noname for True and False; lists as a,b or '["a","b"]'; None for no value.
"""

COMMAND_LINE = """\
Command line:
  -h, --help, help
      show this text
  -V, --version, version
      show the version
  -o FOLDER, -j N
      short for --output_folder=FOLDER, --processes_count=N
  --config=FILE
      read options from a .toml, .yaml or .yml file; flags override them
  --print_config
      print the options in the form that --config reads, and stop

Exit codes: 0 done (single images may have failed); 1 shards not done, or there
is not one image in them; 2 wrong usage; 130 interrupted; 143 terminated.

More: README.md of the source, which leads to docs/: options.md, reasons.md (why
rows fail), fetching.md, images.md, storage.md, retry.md, differences.md (to
1.47.0).  In Python: help(img2dataset.download).
"""

METAVARS = {"int": "N", "float": "X", "str": "TEXT", "Sequence[str]": "LIST", "Any": "LIST"}
"""Type of an option -> how its value is shown."""
SPELLINGS = {"bool": "--[no]{name}", "SwitchOrNumber": "--{name}[=N]"}
"""Type of an option that may have no value -> how it is written."""


def make_help() -> str:
    """Make the text of --help: 80 columns, options by group, then the other flags."""
    parts = [INTRODUCTION]
    for group in Group:
        entries = [_format_entry(one) for one in fields(Options) if one.metadata["group"] is group]
        parts.append("\n".join([f"{group.value}:", *entries, ""]))
    return "\n".join([*parts, COMMAND_LINE])


def _format_entry(declared: Field[Any]) -> str:
    kind = str(declared.type).partition(" | ")[0]
    name = declared.name
    spelled = SPELLINGS.get(kind, f"--{{name}}={METAVARS.get(kind)}").format(name=name)
    default = "required" if declared.default is MISSING else f"default: {declared.default}"
    text = textwrap.fill(
        declared.metadata["help"],
        WIDTH,
        initial_indent=" " * 6,
        subsequent_indent=" " * 6,
        break_on_hyphens=False,
    )
    return f"  {spelled}  [{default}]\n{text}"
