"""How often it failed, and what the server wishes -> seconds to wait before asking again."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds, when the server says nothing."""
LONGEST_OBEYED = 60.0
"""Seconds; a server that asks for more is not asked again."""


def delay_before(attempt: int, retry_after: float | None, jitter: float) -> float | None:
    """Seconds to wait before `attempt` (1 = the first retry); None = do not ask again.

    `jitter` is a random number in [0, 1).  Without a wish of the server's the wait is
    anything up to an exponentially growing limit ("full jitter"), so that requests which
    failed together do not come back together.
    """
    if retry_after is None:
        return jitter * min(FIRST_WAIT * 2.0 ** min(attempt - 1, 16), LONGEST_WAIT)
    if retry_after > LONGEST_OBEYED:
        return None
    return retry_after + jitter * FIRST_WAIT


def seconds_to_wait(header: str, now: float) -> float | None:
    """The value of a Retry-After header, a number or a date, as seconds from `now` (epoch)."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])  # more digits would only say "for ever" more loudly
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
