"""Row and body -> encoded image: in this process, or for an isolated shard in another one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from img2dataset.images import ImageConfig, make_processor
from img2dataset.process.watchdog import Watch
from img2dataset.records import Body, EncodedImage, Row

if TYPE_CHECKING:
    from img2dataset.worker.sandbox import Sandbox

EXIT_STUCK = 71
"""A worker's exit status when an image takes too long: no thread can be ended alone."""


class ImageStage:
    """Processes images, in any number of threads, and limits each of them to `seconds` of CPU
    time."""

    def __init__(
        self,
        config: ImageConfig,
        seconds: float,
        say: Callable[[str], None],
        show_life: Callable[[float], None],
    ) -> None:
        self._config = config
        self._seconds = seconds
        self._say = say
        self._processor = make_processor(config)
        self._watch = Watch(seconds, show_life)
        self._sandbox: Sandbox | None = None
        """Made for the first shard that is isolated."""
        self._isolated: set[int] = set()

    def start(self) -> None:
        self._watch.start()

    def stop(self) -> None:
        self._watch.stop()
        if self._sandbox is not None:
            self._sandbox.close()

    def isolate(self, shard_id: int) -> None:
        """Process the images of this shard in other processes from now on: a worker died with it."""
        if self._sandbox is None:
            from img2dataset.worker.sandbox import Sandbox  # noqa: PLC0415  (most runs isolate none)

            self._sandbox = Sandbox(
                "img2dataset.images:make_processor", self._config, self._seconds, self._watch
            )
        self._isolated.add(shard_id)

    def is_isolated(self, row: Row) -> bool:
        return row.shard in self._isolated

    def picture(self, row: Row, body: Body) -> EncodedImage:
        """Return the image to store for a row.

        Raises:
            RowError: it has no image to store.
        """
        if self._sandbox is not None and self.is_isolated(row):
            return self._sandbox.process(body.data, row.boxes)
        with self._watch.over(lambda: self._give_up(row)):
            return self._processor.process(body.data, row.boxes)

    def _give_up(self, row: Row) -> None:
        """End the worker, as a crash in this row would: its open shards are done again."""
        self._say(
            f"the image of row {row.key} takes more than max_decode_seconds={self._seconds:g}: "
            "its worker ends"
        )
        os._exit(EXIT_STUCK)
