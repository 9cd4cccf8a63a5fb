"""A run -> the page that shows it: takes what the run tells, and keeps the latest snapshot."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic, time
from typing import Any

from img2dataset.errors import OptionError
from img2dataset.options.declared import FIRST_PORT
from img2dataset.options.option import SwitchOrNumber
from img2dataset.report import Progress, Report
from img2dataset.reports.dashboard.history import History
from img2dataset.reports.dashboard.page import make_live, make_page
from img2dataset.reports.dashboard.server import ADDRESS, Answer, Find, PageServer
from img2dataset.reports.dashboard.snapshot import Said, Snapshot, Tile
from img2dataset.reports.dashboard.strip import Strip
from img2dataset.reports.rates import RecentRate
from img2dataset.reports.reporter import ServingReporter
from img2dataset.tally import ShardResult

PORTS = 20
"""Ports that are tried, if none is given."""
INTERVAL_S = 1.0
"""Between two snapshots."""
MAX_NOTICES = 40
MAX_SHARDS = 8
KEPT_S = 3600
"""How long a browser may keep what does not change."""
ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" '
    b'fill="#1f7a53"/><path d="M3 12V8h2v4zm4 0V4h2v8zm4 0V6h2v6z" fill="#fff"/></svg>'
)
WATCHED_S = 10.0
"""A page that was updated so long ago still is open."""
PAGE_INTERVAL_S = 2.5
"""A page asks less often."""
MAX_PAGES = 20
FAREWELL_S = 8.0
"""At the end of the run, time for an open page to fetch the last state."""


class DashboardReporter(ServingReporter):
    """Shows one run on a page of this machine, from before its start to its end."""

    def __init__(self, port: SwitchOrNumber) -> None:
        """Listen; nothing of the run has been done yet.

        Args:
            port: True = the first free one from FIRST_PORT.

        Raises:
            OptionError: it is taken.
        """
        self.snapshot = Snapshot()
        """What is known of the run; another one takes its place, none is changed."""
        self._history = History()
        self._recent = RecentRate()
        self._shards: deque[ShardResult] = deque(maxlen=MAX_SHARDS)
        self._notices: deque[Said] = deque(maxlen=MAX_NOTICES)
        self._shown_at = float("-inf")
        self._strip: Strip | None = None
        self._asked_at: deque[float] = deque(maxlen=MAX_PAGES)
        self._told = threading.Semaphore(0)
        self._is_closed = False
        self._server = listen(port, self._find)

    @property
    def addresses(self) -> list[str]:
        """What is served where, as lines for people."""
        return [f"dashboard: {self._server.url}"]

    # -- the run --

    def started(self, options: Mapping[str, Any], output_folder: str) -> None:
        self.snapshot = replace(
            self.snapshot,
            output_folder=output_folder,
            output_format=str(options["output_format"]),
            part=options["part"],
            started_at=time(),
            now=time(),
        )
        self._strip = Strip(output_folder)

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        self._shards.appendleft(result)
        if self._strip is not None and result.tally.successes:
            self._strip.offer(result.name)
        self.progress(progress)

    def progress(self, progress: Progress) -> None:
        if progress.elapsed - self._shown_at >= INTERVAL_S:
            self.show(progress)

    def notice(self, text: str) -> None:
        self._notices.appendleft(Said(time(), text))
        self.snapshot = replace(
            self.snapshot,
            notices=tuple(self._notices),
            notices_count=self.snapshot.notices_count + 1,
        )

    def finished(self, report: Report, progress: Progress) -> None:
        self.show(progress)
        self.snapshot = replace(self.snapshot, report=report)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self.snapshot.report is not None:
            self._wait_for_pages()
        self._server.close()
        if self._strip is not None:
            self._strip.close()

    def _wait_for_pages(self) -> None:
        """Wait until every open page has the last state; how many there are is seen by their asking."""
        now = monotonic()
        asked = [at for at in self._asked_at if now - at < WATCHED_S]
        pages = sum(asked[-1] - at < PAGE_INTERVAL_S for at in asked)
        for _ in range(pages):
            self._told.acquire(timeout=max(0.0, now + FAREWELL_S - monotonic()))

    def show(self, progress: Progress) -> None:
        """Make a snapshot."""
        rate = self._recent.after(progress)
        self._shown_at, now = progress.elapsed, time()
        self._history.add(progress.tally, progress.account.downloaded_bytes, progress.elapsed, now)
        self.snapshot = replace(
            self.snapshot,
            now=now,
            progress=progress,
            rows_per_sec=rate,
            periods=self._history.list_periods(),
            shards=tuple(self._shards),
        )

    # -- the page; called by the threads of the server --

    def _find(self, path: str) -> Answer | None:
        """Find the answer to a request."""
        strip = self._strip
        tiles = () if strip is None else strip.tiles
        if path.startswith("/images/"):
            return find_image(path, tiles)
        if path == "/favicon.ico":  # browsers ask for it by themselves
            return Answer(ICON, "image/svg+xml", KEPT_S)
        make = {"/": make_page, "/now": make_live}.get(path)
        if make is None:
            return None
        snapshot = self.snapshot
        if path == "/now":
            self._asked_at.append(monotonic())
            if snapshot.report is not None:
                self._told.release()
        if strip is not None:
            strip.look()
        return Answer(make(snapshot, tiles).encode())


def find_image(path: str, tiles: tuple[Tile, ...]) -> Answer | None:
    """Find a small image by its address."""
    for tile in tiles:
        if path == f"/images/{tile.number}.jpg":
            return Answer(tile.data, "image/jpeg", KEPT_S)
    return None


def listen(port: SwitchOrNumber, find: Find) -> PageServer:
    """Start the server, at a given port or the first that is free.

    Raises:
        OptionError: there is none.
    """
    ports = range(FIRST_PORT, FIRST_PORT + PORTS) if port is True else (int(port),)
    for each in ports:
        try:
            return PageServer(each, find)
        except OSError as error:
            why = error.strerror or str(error)
    tried = f"{ports[0]}" if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"
    raise OptionError(
        f"dashboard is {port}: port {tried} of {ADDRESS} cannot be listened on ({why}); choose "
        "another one: dashboard=PORT"
    )
