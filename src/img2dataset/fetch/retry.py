"""How often it failed, and what the server wishes -> whether and when to ask again."""

from __future__ import annotations

from datetime import timezone
from email.utils import parsedate_to_datetime

from img2dataset.errors import Reason

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds, when the server says nothing."""
LONGEST_OBEYED = 60.0
"""Seconds; a server that asks for more is not asked again in this run."""
FIRST_REST = 1.0
"""Seconds that a host is left alone which says "too many" and not for how long."""

REFUSALS_TO_BELIEVE = 3

NOT_AT_ONCE = frozenset(
    {Reason.HOST_GIVEN_UP, Reason.HOST_ASKS_FOR_REST, Reason.ROBOTS_TXT_UNAVAILABLE}
)
"""Failures that may pass, but not while we wait for them: a later run may have more luck."""

RETRIED = frozenset(reason for reason in Reason if reason.transient) - NOT_AT_ONCE
"""Failures after which a URL is asked for again, as often as `retries` says.

No answer, or only a part of one (names, connections, TLS, time, truncation), and the statuses
408, 425, 429, 5xx.  All others are final: the answer would be the same.
"""


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


def rest_after(refusals: int, retry_after: float | None, *, sure: bool) -> float:
    """Seconds to leave a host alone that has said "too much" `refusals` times in a row.

    `sure` = it means us (429); a 503 may as well be the trouble of one URL, unless it is said
    again and again.
    """
    if retry_after is not None:
        return retry_after
    if not sure and refusals < REFUSALS_TO_BELIEVE:
        return 0.0
    return min(FIRST_REST * 2.0 ** min(refusals - 1, 16), LONGEST_WAIT)


def seconds_to_wait(header: str, now: float) -> float | None:
    """The value of a Retry-After header, a number or a date, as seconds from `now` (epoch)."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])  # more digits would only say "for ever" more loudly
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:  # asctime's form has no zone; HTTP's dates are in GMT
            date = date.replace(tzinfo=timezone.utc)
        return max(0.0, date.timestamp() - now)
    except (ValueError, OverflowError):
        return None
