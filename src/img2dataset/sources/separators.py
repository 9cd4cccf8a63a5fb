"""A csv or tsv header that seems to have one name only -> the separator that it really has."""

from __future__ import annotations

SEPARATORS = {"\t": ("tabs", "tab"), ",": ("commas", "comma"), ";": ("semicolons", "semicolon"),
              "|": ("pipes", "pipe")}  # fmt: skip
"""Character -> its name in messages, and as a value of `delimiter`."""
MAX_SHOWN_NAMES = 10


def suggest_separator(names: list[str], input_format: str) -> str:
    """Give advice if the header is one name with other separators in it; else empty."""
    plain = input_format.partition(".")[0]
    if len(names) != 1 or plain not in ("csv", "tsv"):
        return ""
    header = names[0]
    found = max(SEPARATORS, key=header.count)
    if found not in header or "://" in header:
        return ""
    cells = [cell.strip().strip("\"'") for cell in header.split(found)][:MAX_SHOWN_NAMES]
    word, name = SEPARATORS[found]
    columns = ", ".join(repr(cell[:100]) for cell in cells)
    readers = {"\t": "tsv", ",": "csv"}
    advice = f"delimiter={name} reads it"
    if found in readers:
        advice = f"delimiter={name} or input_format={readers[found]}{input_format.removeprefix(plain)} reads it"
    return f"; it is separated by {word}: {advice}, its columns are then {columns}"
