"""Failures so far, Retry-After -> whether and when to try again."""

from __future__ import annotations

from datetime import UTC

from img2dataset.errors import Reason
from img2dataset.fetch.politeness import POLITE, Politeness

NOT_AT_ONCE = frozenset(
    {
        Reason.HOST_GIVEN_UP,
        Reason.HOST_ASKS_FOR_REST,
        Reason.ROBOTS_TXT_UNAVAILABLE,
        Reason.CREDENTIALS_EXPIRED,
    }
)
"""Transient failures that last longer than a run should wait: a later run may have more luck."""

RETRIED = frozenset(reason for reason in Reason if reason.transient) - NOT_AT_ONCE
"""Failures after which a URL is retried, at most `retries` times.

No answer, or only a part of one (names, connections, TLS, time, truncation), and the statuses
408, 425, 429, 5xx.  All others are final: the answer would be the same.
"""


def delay_before(
    attempt: int, retry_after: float | None, politeness: Politeness = POLITE
) -> float | None:
    """Return the seconds to wait before `attempt` (1 = the first retry); None = no retry."""
    if retry_after is None:
        return politeness.retry.delay(attempt)
    if retry_after > politeness.max_retry_after_s:
        return None
    return retry_after + politeness.retry.delay(1)


def rest_after(
    refusals: int, retry_after: float | None, politeness: Politeness = POLITE, *, sure: bool
) -> float:
    """Return the seconds to leave a host alone after `refusals` refusals (429, 503) in a row.

    `sure` = the refusal is about our rate (429); a 503 may be the trouble of one URL, unless it
    comes again and again.
    """
    if retry_after is not None:
        return retry_after
    if not sure and refusals < politeness.min_503_refusals:
        return 0.0
    return politeness.rest.delay(refusals)


def seconds_to_wait(header: str, now: float) -> float | None:
    """Read a Retry-After header, a number or a date, as seconds from `now` (epoch)."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])  # more digits would only say "for ever" more loudly
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  (most servers send a number)

    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:  # asctime's form has no zone; HTTP's dates are in GMT
            date = date.replace(tzinfo=UTC)
        return max(0.0, date.timestamp() - now)
    except (ValueError, OverflowError):
        return None
