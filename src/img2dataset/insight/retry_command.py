"""What a dataset was made from -> the command that fetches its transient failures again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from img2dataset.dataset.identity import Identity, Section, normalize
from img2dataset.options import Options, shaping_options
from img2dataset.output_format import WITHOUT_ROWS
from img2dataset.recipes.command import format_command
from img2dataset.records import NO_COLUMN

MAX_FILES = 5
"""Files of a list that a command names one by one."""
SAME_WITH_RETRY = "run the command that made the dataset with --incremental_mode=retry"


@dataclass(frozen=True, slots=True)
class RetryAdvice:
    """How to fetch rows again."""

    text: str
    is_command: bool


def advise_retry(
    sections: Sequence[Section], output_formats: Sequence[str], output_folder: str
) -> RetryAdvice:
    """Write the command, if the folder has recorded everything that it needs."""
    if set(output_formats) <= WITHOUT_ROWS:
        return RetryAdvice(
            "this output_format keeps no rows: make the dataset again", is_command=False
        )
    if len(sections) > 1:
        return RetryAdvice(
            f"{SAME_WITH_RETRY}: the last one, because lists were added", is_command=False
        )
    lists = name_lists(sections[0].identity) if sections else None
    if lists is None:
        return RetryAdvice(SAME_WITH_RETRY, is_command=False)
    options = {
        "url_list": lists,
        "output_folder": output_folder,
        **list_changed_options(sections[0].identity.options),
        "incremental_mode": "retry",
    }
    return RetryAdvice(format_command(options), is_command=True)


def list_changed_options(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recorded options that are not the defaults, as the command line reads them."""
    defaults = normalize(Identity([], shaping_options(Options(url_list=None)))).options
    return {
        # any name means the same of a list without columns
        name: "caption" if value == NO_COLUMN else value
        for name, value in recorded.items()
        if name in defaults and value != defaults[name]
    }


def is_public_name(name: str) -> bool:
    """Whether a list has a name, and one that holds no password or signature.

    A list that was given as values is called <list> or the like.
    """
    scheme, is_url, rest = name.partition("://")
    if not name or name.startswith("<") or name == "-":
        return False
    is_signed = scheme.startswith("http") and "?" in rest
    return not is_url or not (is_signed or "@" in rest.partition("/")[0])


def name_lists(identity: Identity) -> str | list[str] | None:
    """Name the list as the command did; None if it has no name, or one that may hold a password."""
    names = [str(file["url"]) for file in identity.inputs]
    if not names or not all(map(is_public_name, names)):
        return None
    if len(names) <= MAX_FILES:
        return names[0] if len(names) == 1 else names
    folders = {name.rpartition("/")[0] for name in names}
    return folders.pop() if len(folders) == 1 else None
