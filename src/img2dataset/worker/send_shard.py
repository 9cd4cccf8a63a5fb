"""The samples of a shard -> the parent, over the pipe: a stream stores nothing.

It has the methods of `ShardStore`.  A pipe that nobody reads from is full soon: then it waits to
send, samples fill the limit of the pipeline, and no new download starts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from img2dataset.distributors import Link, SamplesSent
from img2dataset.formats import WriterConfig
from img2dataset.formats.document import describe_row
from img2dataset.formats.fetched import find_response
from img2dataset.job import REQUEST_SECONDS, Sending
from img2dataset.records import EncodedImage, Sample
from img2dataset.tally import ShardResult, Tally
from img2dataset.worker.store_shard import OpenShard

if TYPE_CHECKING:
    from img2dataset.retry.shard import KeyOf

MESSAGE_BYTES = 1_000_000
"""Images in one message, unless the first alone is larger."""
MIN_SAMPLES = 32
MIN_BYTES = MESSAGE_BYTES // 4
BATCH_WAIT_S = 0.05
"""A message costs as much as several samples: samples wait until they are so many, or so large, or
the first of them has waited so long."""


class ShardSender:
    """Sends the samples of one worker.  Called from one thread."""

    def __init__(self, link: Link, config: WriterConfig, sending: Sending) -> None:
        self._link = link
        self._config = config
        self._sending = sending
        self._packed: list[tuple[int, int, bytes | None, dict[str, Any] | None]] = []
        self._tally = Tally()
        """Of what is packed."""
        self._bytes = 0
        self._due = 0.0
        self.stopping = False
        """As a ShardStore's."""

    def open(self, shard: OpenShard, table: pa.Table, key_of: KeyOf) -> tuple[pa.Table, KeyOf]:
        """Begin to send `shard`: all of its rows are fetched."""
        del shard
        return table, key_of

    def find_stored(self, shard: OpenShard) -> ShardResult | None:
        """Nothing is stored, by no attempt."""
        del shard
        return None

    def write(self, shard: OpenShard, sample: Sample) -> None:
        """Pack one sample of the shard."""
        shard.tally.add(sample)
        shard.missing -= 1
        image = sample.outcome.data if isinstance(sample.outcome, EncodedImage) else None
        size = 0 if image is None else len(image)
        if self._bytes + size > MESSAGE_BYTES:
            self._send()
        metadata = None
        if image is not None or self._sending.sends_failures:
            metadata = describe_row(sample, self._config)
            if self._sending.sends_times:
                response = find_response(sample)
                metadata[REQUEST_SECONDS] = response and response.request_seconds
        if not self._packed:
            self._due = time.monotonic() + BATCH_WAIT_S
        self._tally.add(sample)
        self._packed.append((shard.id, sample.row.index, image, metadata))
        self._bytes += size

    @property
    def seconds_left(self) -> float | None:
        """Time until `flush` is to be called again; None if nothing waits here."""
        return max(0.0, self._due - time.monotonic()) if self._packed else None

    def flush(self) -> None:
        """Send what is packed, if that is enough or has waited."""
        enough = len(self._packed) >= MIN_SAMPLES or self._bytes >= MIN_BYTES
        if enough or self.seconds_left == 0:
            self._send()

    def _send(self) -> None:
        """Send what is packed; wait as long as the parent has no room for it."""
        if self._packed:
            message = SamplesSent(self._packed, self._tally)
            self._packed, self._tally, self._bytes = [], Tally(), 0
            self._link.send(message)

    def store(self, shard: OpenShard, end_time: float) -> ShardResult:
        """The last row is in: send what is left of the shard, and return its result."""
        self._send()
        return ShardResult(shard.id, shard.name, shard.tally, shard.start_time, end_time)

    def fail(self, shard: OpenShard, error: BaseException) -> None:
        """Note why the shard cannot be sent: its part of the list cannot be read."""
        shard.error = f"{type(error).__name__}: {error}"
