"""What an answer's header says of our use -> why we may not use it, if its owner refuses.

The one place where signals of all kinds that come with an answer are weighed.  What robots.txt
says, also of training, is `robots`' and `robots_gate`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from img2dataset.errors import Reason
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.policy.content_usage import forbids_training
from img2dataset.fetch.policy.optout import refused
from img2dataset.fetch.policy.tdm import reserved

US = "img2dataset"
"""Our name in robots.txt and X-Robots-Tag, besides the one that the user may give us."""

Signals = Sequence[tuple[str, str]]
"""Header fields that concern our use: (name in lower case, value), in their order."""


def our_names(config: FetchConfig) -> list[str]:
    """By which owners may speak of us, the user's own first."""
    return [config.user_agent_token, US] if config.user_agent_token else [US]


class Refusals:
    """What counts as a refusal."""

    def __init__(self, config: FetchConfig) -> None:
        self._names = our_names(config)
        self._directives = frozenset(config.disallowed_directives)
        self._reservations_count = config.respect_tdm_reservation
        self._usage_counts = config.respect_content_usage

    def __call__(self, signals: Signals, *, reserved_by_file: bool = False) -> Reason | None:
        """`reserved_by_file` = tdmrep.json reserves the URL; a header knows better."""
        robots = values_of(signals, "x-robots-tag")
        if robots and any(refused(robots, self._directives, name) for name in self._names):
            return Reason.OPTED_OUT
        if self._usage_counts and forbids_training(values_of(signals, "content-usage")):
            return Reason.CONTENT_USAGE
        if not self._reservations_count:
            return None
        reservation = values_of(signals, "tdm-reservation")
        if reservation:
            return Reason.TDM_RESERVED if reserved(reservation) else None
        return Reason.TDMREP if reserved_by_file else None


def values_of(signals: Signals, name: str) -> list[str]:
    return [value for each, value in signals if each == name]
