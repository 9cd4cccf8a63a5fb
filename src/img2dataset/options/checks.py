"""What one option allows: its type, and the values of this type."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from img2dataset.choice import Choice
from img2dataset.errors import OptionError
from img2dataset.options.choices import ALL_INDEXES, HashType, IndexKind

Check = Callable[[Any], "str | None"]
"""Takes a value; returns what is allowed if it is not, else None."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """The check of a closed set."""

    choices: type[Choice]
    any_case: bool = False

    def __call__(self, value: Any) -> str | None:
        allowed = self.choices.names()
        if (value.lower() if self.any_case else value) in allowed:
            return None
        listed = f"one of {', '.join(allowed)}{' (any case)' if self.any_case else ''}"
        close = find_closest(value, allowed)
        return listed if close is None else f"{listed}; did you mean {close}?"


def find_closest(value: str, allowed: Sequence[str]) -> str | None:
    """Find the allowed value that was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415  (for the message of an error)

    return next(iter(get_close_matches(value.lower(), allowed, n=1)), None)


def at_least(low: float) -> Check:
    def check(value: Any) -> str | None:
        return None if value >= low else f"{low:g} or more"  # also refuses NaN

    return check


def between(low: float, high: float) -> Check:
    def check(value: Any) -> str | None:
        return None if low <= value <= high else f"{low:g} to {high:g}"

    return check


def directive_words(value: Any) -> str | None:
    good = all(re.fullmatch(r"\s*[A-Za-z][A-Za-z_-]*\s*", directive) for directive in value)
    return None if good else "a list of words such as noai, or [] for no check"


def not_empty(value: Any) -> str | None:
    return None if value else "something that is not empty"


def header_text(value: Any) -> str | None:
    good = bool(value) and value.isascii() and value.isprintable()
    return None if good else "printable ASCII text"


def contact_address(value: Any) -> str | None:
    """Something to write to, which cannot end the comment that it stands in."""
    good = re.fullmatch(r"(?:mailto:)?[^\s@/:]+@[^\s@/:]+|https?://[^\s]+", value)
    safe = value.isascii() and value.isprintable() and not re.search(r"[()\\;]", value)
    return None if good and safe else "an e-mail address or an http(s) URL"


def positive_seconds(value: Any) -> str | None:
    return None if 0 < value <= 86_400 else "more than 0 and at most 86400 seconds"


def port_or_switch(value: Any) -> str | None:
    good = isinstance(value, bool) or 1024 <= value <= 65_535
    return None if good else "True, False, or a port: 1024 to 65535"


def seconds(value: Any) -> str | None:
    return None if 0 <= value <= 86_400 else "0 to 86400 seconds"


def index_and_count(value: Any) -> str | None:
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", value, re.ASCII)
    good = match is not None and int(match[1]) < int(match[2])
    return None if good else "i/N with 0 <= i < N, such as 0/4, 1/4, 2/4, 3/4"


def server_addresses(value: Any) -> str | None:
    good = value and all(is_address_and_port(server) for server in value)
    return None if good else "a list of addresses such as 1.1.1.1, 127.0.0.1:5353 or [::1]:5353"


def is_address_and_port(text: str) -> bool:
    """Whether `text` is an IP address, IPv6 in brackets if a port follows."""
    host, _, port = (
        text.rpartition(":") if re.search(r"\]:|^[^:]*:[^:]*$", text) else (text, "", "53")
    )
    from ipaddress import ip_address  # noqa: PLC0415  (few runs name servers)

    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return port.isascii() and port.isdigit() and 0 < int(port) < 65_536


def hash_pair(value: Any) -> str | None:
    good = len(value) == 2 and value[1] in HashType.names()
    return (
        None if good else f"a pair [column, type] with a type among {', '.join(HashType.names())}"
    )


def index_kinds(value: Any) -> str | None:
    allowed = (*IndexKind.names(), ALL_INDEXES)
    unknown = [name for name in value if name not in allowed]
    if not unknown:
        return None
    from difflib import get_close_matches  # noqa: PLC0415  (for the message of an error)

    near = get_close_matches(unknown[0], allowed, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"a list of {', '.join(IndexKind.names())}, or {ALL_INDEXES}{hint}"


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "SwitchOrNumber": (lambda value: isinstance(value, int), "True, False or a whole number"),
    "int": (
        lambda value: isinstance(value, int) and not isinstance(value, bool),
        "a whole number",
    ),
    "float": (
        lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
        "a number",
    ),
    "str": (lambda value: isinstance(value, str), "text"),
    "Sequence[str]": (
        lambda value: isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value),
        "a list of texts",
    ),
}
"""Type of an option -> whether a value has it, and how to say so."""


def make_plain(value: Any, declared: str) -> Any:
    """The value as plain Python holds it: those of numpy, 256.0 for 256, and 1 for True.

    Scripts for 1.47.0 compute such values; what has no plain form is returned as it is.
    """
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # without importing numpy
        value = value.item()
    match declared.partition(" | ")[0]:
        case "bool":
            return bool(value) if isinstance(value, Integral) and value in (0, 1) else value
        case "int" | "SwitchOrNumber":
            is_whole = isinstance(value, Integral) or (
                isinstance(value, Real) and float(value).is_integer()
            )
            return int(value) if is_whole and not isinstance(value, bool) else value
        case "float":
            return _make_plain_number(value)
    return value


def _make_plain_number(value: Any) -> Any:
    if isinstance(value, (bool, int, float)) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def check_type(name: str, value: Any, declared: str) -> None:
    kind, _, optional = declared.partition(" | ")
    if value is None and optional == "None":
        return
    fits, allowed = KINDS[kind]
    if not fits(value):
        hint = (
            f"; write [{value!r}]"
            if value and isinstance(value, str) and kind == "Sequence[str]"
            else ""
        )
        raise OptionError(
            f"{name} is {value!r}: it must be {allowed}{' or None' if optional else ''}{hint}"
        )


def check_value(name: str, value: Any, check: Check | None) -> None:
    if check is None or value is None:
        return
    allowed = check(value)
    if allowed is not None:
        raise OptionError(f"{name} is {value!r}: it must be {allowed}")
