"""Row and Body -> Picture: here, or for a careful shard in a process apart."""

from __future__ import annotations

import os
from collections.abc import Callable

from img2dataset.images import ImageConfig, make_processor
from img2dataset.process.watchdog import Watch
from img2dataset.records import Body, EncodedImage, Row
from img2dataset.worker.sandbox import Sandbox

EXIT_STUCK = 71
"""A worker's exit status when one of its images takes too long: a thread cannot be ended alone."""


class ImageStage:
    """Makes pictures, in any number of threads, and sees that none takes longer than `seconds` of
    CPU time."""

    def __init__(self, config: ImageConfig, seconds: float, say: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._say = say
        self._processor = make_processor(config)
        self._watch = Watch(seconds)
        self._sandbox = Sandbox("img2dataset.images:make_processor", config, seconds, self._watch)
        self._isolated: set[int] = set()

    def start(self) -> None:
        self._watch.start()

    def stop(self) -> None:
        self._watch.stop()
        self._sandbox.close()

    def isolate(self, shard_id: int) -> None:
        """From now on the images of this shard are made apart: a worker died with it."""
        self._isolated.add(shard_id)

    def is_isolated(self, row: Row) -> bool:
        return row.shard in self._isolated

    def picture(self, row: Row, body: Body) -> EncodedImage:
        """The picture to store for a row.

        Raises:
            RowError: there is none.
        """
        if self.is_isolated(row):
            return self._sandbox.process(body.data, row.boxes)
        with self._watch.over(lambda: self._give_up(row)):
            return self._processor.process(body.data, row.boxes)

    def _give_up(self, row: Row) -> None:
        """End the worker, as a crash in this row would: what it has open is done again."""
        self._say(
            f"the image of row {row.key} takes more than max_decode_seconds={self._seconds:g}: "
            "its worker ends"
        )
        os._exit(EXIT_STUCK)
