"""Names of stored shards -> small images of the latest ones, made while somebody looks."""

from __future__ import annotations

import pickle
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress

from img2dataset.process.forks import NO_FORK, OwnFiles
from img2dataset.process.spawn import start_python
from img2dataset.reports.dashboard.snapshot import Tile

MAX_TILES = 24
INTERVAL_S = 15.0
"""Least time between two shards that are read."""
READ_TIMEOUT_S = 30.0
MAX_FAILURES = 3
"""Consecutive failures of the process that reads; then no more images are shown."""
READER = "img2dataset.insight.latest"
"""The module of that process.  Stored images may be as hostile as those that are downloaded, so that
they are never decoded in the process of the run."""


class Strip:
    """Reads images of the latest shard in a process of its own, when the page was asked for and the
    last reading is some time ago."""

    def __init__(self, output_folder: str) -> None:
        self.tiles: tuple[Tile, ...] = ()
        """The latest first; a tuple is never changed, but replaced."""
        self._output_folder = output_folder
        self._kept: deque[Tile] = deque(maxlen=MAX_TILES)
        self._latest: str | None = None
        self._shown: str | None = None
        self._read_at = float("-inf")
        self._number = 0
        self._failures = 0
        self._closed = False
        self._looked = threading.Event()
        self._pipes = OwnFiles()
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._work, name="img2dataset-dashboard-images", daemon=True
        )
        self._thread.start()

    def offer(self, shard: str) -> None:
        """A shard was stored."""
        self._latest = shard

    def look(self) -> None:
        """Somebody looks at the page."""
        self._looked.set()

    @property
    def working(self) -> bool:
        """Whether there may be more images."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the process; may be called twice."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()
        self._looked.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closed and self._failures < MAX_FAILURES:
            self._looked.wait()
            self._looked.clear()
            shard = self._latest
            is_due = time.monotonic() - self._read_at >= INTERVAL_S
            if not self._closed and is_due and shard not in (None, self._shown):
                self._read(str(shard))
        self._end_child()

    def _read(self, shard: str) -> None:
        self._read_at, self._shown = time.monotonic(), shard
        rows = self._ask(shard)
        if rows is None:
            self._failures += 1
            self._end_child()
            return
        self._failures = 0
        for key, url, caption, data in rows:
            self._number += 1
            self._kept.appendleft(Tile(self._number, key, url, caption, data))
        self.tiles = tuple(self._kept)

    def _ask(self, shard: str) -> list[tuple[str, str, str, bytes]] | None:
        """Return key, URL, caption and JPEG of some images of a shard; None if the process ended."""
        child = self._start_child()
        if child is None or child.stdin is None or child.stdout is None:
            return None
        timer = threading.Timer(READ_TIMEOUT_S, child.kill)
        timer.start()
        try:
            child.stdin.write(f"{shard}\n".encode())
            child.stdin.flush()
            return list(pickle.load(child.stdout))  # noqa: S301  (our own child)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None
        finally:
            timer.cancel()

    def _start_child(self) -> subprocess.Popen[bytes] | None:
        """Return the process, started if there is none; None if it is too late for one."""
        with self._lock, NO_FORK:
            if self._child is None and not self._closed:
                self._child = start_python(READER, self._output_folder)
                self._pipes.add(self._child.stdin, self._child.stdout)
            return self._child

    def _end_child(self) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        self._pipes.remove(child.stdin, child.stdout)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(OSError):  # a rest of what it was to be sent
                    pipe.close()
