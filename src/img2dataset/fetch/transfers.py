"""Attempts -> transfers in flight: by http, or of objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from img2dataset.fetch.attempt import Attempt
from img2dataset.fetch.budget import Budget
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.http.curl import Transfers
from img2dataset.fetch.http.request import Finished, Request
from img2dataset.fetch.loop import Loop
from img2dataset.fetch.policy.refusals import RefusalPolicy
from img2dataset.fetch.politeness import Politeness
from img2dataset.fetch.route.router import Router

if TYPE_CHECKING:
    from img2dataset.fetch.objects.transfers import ObjectTransfers


class AllTransfers:
    """The transfers of both kinds.  What reads objects is made for the first of them: few lists have
    any."""

    def __init__(
        self, http: Transfers[Attempt], make_objects: Callable[[], ObjectTransfers[Attempt]]
    ) -> None:
        self._http = http
        self._make_objects = make_objects
        self._objects: ObjectTransfers[Attempt] | None = None

    def __len__(self) -> int:
        return len(self._http) + (len(self._objects) if self._objects is not None else 0)

    @property
    def stalled(self) -> int:
        """How many have been waiting for their connection for long; a little out of date."""
        return self._http.stalled

    def start(self, attempt: Attempt, request: Request) -> None:
        if not attempt.is_object:
            self._http.start(attempt, request)
            return
        if self._objects is None:
            self._objects = self._make_objects()
        self._objects.start(attempt, request)

    def ended(self) -> list[Finished[Attempt]]:
        """Take what is over since the last call; often nothing."""
        ended = self._http.ended()
        return ended if self._objects is None else ended + self._objects.ended()

    def next_timeout(self, now: float) -> float | None:
        """Seconds until `ended` has something to do even if nobody rings."""
        seconds = self._http.next_timeout(now)
        other = None if self._objects is None else self._objects.next_timeout(now)
        return min((each for each in (seconds, other) if each is not None), default=None)

    def close(self) -> None:
        """Abandon what is in flight."""
        self._http.close()
        if self._objects is not None:
            self._objects.close()


def open_transfers(  # noqa: PLR0913  (what transfers stand between)
    config: FetchConfig,
    loop: Loop,
    *,
    budget: Budget,
    router: Router,
    kept_open: int,
    say: Callable[[str], None],
    politeness: Politeness,
) -> AllTransfers:
    """Open the transfers of a worker; `kept_open` = connections that may wait for the next request."""
    http: Transfers[Attempt] = Transfers(
        config,
        loop,
        budget=budget,
        kept_open=kept_open,
        refusal_of=RefusalPolicy(config),
        may_connect=None if config.private_addresses == "allow" else router.may_connect,
        politeness=politeness,
    )

    def make_objects() -> ObjectTransfers[Attempt]:
        from img2dataset.fetch.objects.transfers import ObjectTransfers  # noqa: PLC0415  (few lists)

        return ObjectTransfers(config, loop, budget=budget, say=say, politeness=politeness)

    return AllTransfers(http, make_objects)
