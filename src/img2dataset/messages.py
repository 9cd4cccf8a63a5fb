"""A stored error message -> its label, and the reason behind it."""

from __future__ import annotations

import re
from functools import lru_cache

from img2dataset.errors import TRANSIENT_HTTP, Reason

BY_LABEL = {reason.label: reason for reason in reversed(Reason)}
"""Of reasons with the same label, the first: all of them are final."""
LABELS = sorted(BY_LABEL, key=len, reverse=True)
"""Longest first: a label may begin as another one does."""
FOREIGN = sorted(
    ((part, reason) for reason in Reason for part in reason.foreign),
    key=lambda pair: len(pair[0]),
    reverse=True,
)
"""Parts of foreign messages, longest first: the most exact one decides."""
HTTP_CODE = re.compile(rf"{Reason.HTTP_STATUS.label} (\d{{3}})\b")


def find_label(message: str) -> str:
    """The part of a stored message that is counted; what is special to its row is left out."""
    for label in LABELS:
        if label != Reason.HTTP_STATUS.label and message.startswith(f"{label} "):
            return label
    return message


@lru_cache(maxsize=4096)
def find_reason(message: str) -> Reason | None:
    """The reason behind a message stored by this tool or by 1.47.0; None if it is not known."""
    code = HTTP_CODE.match(message)
    if code is not None:
        is_transient = int(code[1]) in TRANSIENT_HTTP
        return Reason.HTTP_STATUS_TRANSIENT if is_transient else Reason.HTTP_STATUS
    label = find_label(message)
    known = BY_LABEL.get(label) or BY_LABEL.get(label.partition(":")[0])
    if known is not None:
        return known
    return next((reason for part, reason in FOREIGN if part in message), None)


def is_transient(message: str | None) -> bool:
    """Whether asking again later may help a row that failed with this message."""
    reason = None if message is None else find_reason(message)
    return reason is not None and reason.transient
