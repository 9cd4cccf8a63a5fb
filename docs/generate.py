"""Options, Reasons and recipes -> docs/options.md, docs/reasons.md, docs/datasets/ and the types of
`download`.

Run it from anywhere: `python docs/generate.py [--check]`; `--check` fails if a file is stale.
"""
# ruff: noqa: INP001  (a script beside the pages that it writes)

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from img2dataset.api import REPORTERS, REPORTERS_TYPE, make_docstring
from img2dataset.errors import Reason
from img2dataset.options import Group, Options
from img2dataset.options.describing import make_annotation
from img2dataset.recipes import read_book
from img2dataset.recipes.page import make_pages
from img2dataset.reports.advice import CAUSES, DEFAULTS
from img2dataset.stream_api import make_docstring as make_stream_docstring
from img2dataset.stream_api import make_parameters

ROOT = Path(__file__).parents[1]
DO_NOT_EDIT = "<!-- Made by docs/generate.py from the source: do not edit. -->"

OPTIONS_HEAD = """\
# Options

The names are the same on the command line (`--image_size=256`), in Python (`image_size=256`) and in a `--config` file.
Positional values take the options in the order of the column *no.*; an option without a number is set by its name only.
An option with ● in the last column changes what is stored: a dataset cannot be resumed with another value of it."""

REASONS_HEAD = """\
# Reasons

Every row without an image has one of these reasons; there are no others.
The report of a run has their names; the metadata has the error strings, and the stats files count them.
A *transient* reason is one for which asking again later may help: only such rows are retried."""

TYPES = {
    "bool": "True or False",
    "SwitchOrNumber": "True, False or int",
    "int": "int",
    "float": "int or float",
    "str": "str",
    "Sequence[str]": "list of str",
    "Any": "str, list, table",
}
OUTSIDE: dict[str, Any] = {
    "SwitchOrNumber": -1,
    "int": -math.inf,
    "float": -math.inf,
    "str": "",
    "Sequence[str]": ("",),
}
"""Type of an option -> a value that every check of it refuses: a check tells what it allows."""


def make_options_page() -> str:
    parts = [DO_NOT_EDIT, OPTIONS_HEAD]
    positional = [declared.name for declared in fields(Options) if not declared.kw_only]
    for group in Group:
        rows = [
            make_option_row(declared, positional)
            for declared in fields(Options)
            if declared.metadata["group"] is group
        ]
        columns = ("option", "no.", "type", "default", "allowed", "what it does", "shapes")
        parts += [f"## {group.value}", table(columns, rows)]
    return "\n\n".join(parts) + "\n"


def make_option_row(declared: Field[Any], positional: Sequence[str]) -> tuple[str, ...]:
    kind, _, optional = str(declared.type).partition(" | ")
    return (
        f"`{declared.name}`",
        str(positional.index(declared.name) + 1) if declared.name in positional else "",
        TYPES[kind] + (" or None" if optional else ""),
        "*required*" if declared.default is MISSING else f"`{declared.default!r}`",
        allowed(declared, kind),
        declared.metadata["help"],
        "●" if declared.metadata["shapes_output"] else "",
    )


def allowed(declared: Field[Any], kind: str) -> str:
    check = declared.metadata["check"]
    return check(OUTSIDE[kind]) if check else ""


def make_reasons_page() -> str:
    rows = [
        (
            f"`{reason.value}`",
            f"`{make_error_string(reason)}`",
            f"`{reason.status.value}`",
            "yes" if reason.transient else "",
            CAUSES.get(reason, DEFAULTS[reason.status]),
        )
        for reason in Reason
    ]
    columns = ("reason", "error_message", "status", "transient", "if it takes everything")
    return "\n\n".join((DO_NOT_EDIT, REASONS_HEAD, table(columns, rows))) + "\n"


def make_error_string(reason: Reason) -> str:
    """As the metadata has it; that of a bad answer ends with its code and phrase."""
    examples = {Reason.HTTP_STATUS: " 404: Not Found", Reason.HTTP_STATUS_TRANSIENT: " 503: ..."}
    return reason.label + examples.get(reason, "")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["--"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(escaped, line))} |" for line in lines)


def escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


STUB_HEAD = """\
# Made by docs/generate.py from the source: do not edit.

from collections.abc import Sequence
from typing import Literal

from img2dataset.api import UrlList
from img2dataset.report import Report
from img2dataset.reports import Reporter
"""


def make_stub() -> str:
    """The declaration of `download` that type checkers and editors read."""
    lines = []
    is_positional = True
    for declared in fields(Options):
        if declared.kw_only and is_positional:
            lines.append("*,")
            is_positional = False
        default = (
            "" if declared.default is MISSING else f" = {format_stub_default(declared.default)}"
        )
        lines.append(f"{declared.name}: {make_annotation(declared)}{default},")
    lines.append(f"{REPORTERS}: {REPORTERS_TYPE} = None,")
    parameters = "\n".join(f"    {line}" for line in lines)
    docstring = indent_docstring(make_docstring())
    return f'{STUB_HEAD}\ndef download(\n{parameters}\n) -> Report:\n    """{docstring}    """\n'


STREAM_STUB_HEAD = """\
# Made by docs/generate.py from the source: do not edit.

from collections.abc import Sequence
from typing import Literal

from img2dataset.api import UrlList
from img2dataset.streaming.asynchronous import AsyncStream
from img2dataset.streaming.stream import Stream
"""


def make_stream_stub() -> str:
    """The declarations of `stream` and `astream` that type checkers and editors read."""
    parameters = ""
    for each in make_parameters():
        has_default = each.default is not each.empty
        default = f" = {format_stub_default(each.default)}" if has_default else ""
        parameters += f"    {each.name}: {each.annotation}{default},\n"
        parameters += "" if has_default else "    *,\n"
    functions = [
        f"def {name}(\n{parameters}) -> {result}:\n"
        f'    """{indent_docstring(make_stream_docstring(name))}    """\n'
        for name, result in (("stream", "Stream"), ("astream", "AsyncStream"))
    ]
    return "\n".join((STREAM_STUB_HEAD, *functions))


def indent_docstring(text: str) -> str:
    return textwrap.indent(text.replace("\\", "\\\\"), "    ").lstrip()


def format_stub_default(value: Any) -> str:
    """As Python source; what is no literal is left out, as stubs do."""
    return "..." if value == math.inf else repr(value)


DATASETS = "docs/datasets"


def make_files() -> dict[str, str]:
    """Path of each generated file -> its text."""
    pages = make_pages(read_book())
    return {
        "docs/options.md": make_options_page(),
        "docs/reasons.md": make_reasons_page(),
        "src/img2dataset/_download.pyi": make_stub(),
        "src/img2dataset/_stream.pyi": make_stream_stub(),
        **{f"{DATASETS}/{name}.md": f"{DO_NOT_EDIT}\n\n{text}" for name, text in pages.items()},
    }


def stale(root: Path = ROOT) -> list[str]:
    """The files that are not what the source says, or that it no longer makes."""
    files = make_files()
    surplus = {f"{DATASETS}/{path.name}" for path in (root / DATASETS).glob("*.md")} - set(files)
    return sorted(surplus) + [
        name
        for name, text in files.items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    ]


def main(argv: Sequence[str], root: Path = ROOT) -> int:
    if "--check" in argv:
        names = stale(root)
        if names:
            sys.stderr.write(f"stale: {', '.join(names)}; run  python docs/generate.py\n")
        return 1 if names else 0
    for name, text in make_files().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
