"""Headers of an answer -> why we may not use it, if its owner refuses."""

from __future__ import annotations

from img2dataset.errors import Reason
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.optout import refused
from img2dataset.fetch.tdm import reserved

US = "img2dataset"
"""Our name in robots.txt and X-Robots-Tag, besides the one that the user may give us."""


def our_names(config: FetchConfig) -> list[str]:
    """By which owners may speak of us, the user's own first."""
    return [config.user_agent_token, US] if config.user_agent_token else [US]


class Refusals:
    """What counts as a refusal."""

    def __init__(self, config: FetchConfig) -> None:
        self._names = our_names(config)
        self._directives = frozenset(config.disallowed_directives)
        self._reservations_count = config.respect_tdm_reservation

    def __call__(self, robots: list[str], reservation: list[str]) -> Reason | None:
        """`robots`, `reservation` = the values of X-Robots-Tag and tdm-reservation headers."""
        if robots and any(refused(robots, self._directives, name) for name in self._names):
            return Reason.OPTED_OUT
        if self._reservations_count and reserved(reservation):
            return Reason.TDM_RESERVED
        return None
