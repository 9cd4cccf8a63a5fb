"""`astream`: the same stream for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from img2dataset.streaming.buffer import Ended
from img2dataset.streaming.request import StreamRequest
from img2dataset.streaming.sample import StreamSample
from img2dataset.streaming.stream import Stream
from img2dataset.tally import Tally

if TYPE_CHECKING:
    # `Self` is new in 3.11
    from typing import Self

    from img2dataset.streaming.engine import Engine

MAX_TURN_S = 0.01
"""Time for which samples that are ready come without a turn of the event loop's other tasks."""


class AsyncStream:
    """The samples of a list, as they arrive; for one task at a time.

    Opening the list and ending the workers are done in a thread; while a sample is awaited, none
    is blocked.
    """

    def __init__(self, request: StreamRequest) -> None:
        self._stream = Stream(request)
        self._engine: Engine | None = None
        self._news = asyncio.Event()
        self._turn_ends = 0.0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamSample:
        try:
            taken = await self._take()
        except Ended:
            await self.aclose()
            raise StopAsyncIteration from None
        except BaseException:  # a task that is cancelled too
            self._stream.close(wait=False)
            raise
        return StreamSample(*taken)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the stream, as `Stream.close` does."""
        self._stream.close(wait=False)
        await asyncio.shield(asyncio.to_thread(self._stream.close))

    @property
    def tally(self) -> Tally:
        """As `Stream.tally`."""
        return self._stream.tally

    def state_dict(self) -> dict[str, Any]:
        """As `Stream.state_dict`."""
        return self._stream.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As `Stream.load_state_dict`."""
        self._stream.load_state_dict(state)

    async def _take(self) -> tuple[bytes | None, dict[str, Any]]:
        if time.monotonic() >= self._turn_ends:
            await asyncio.sleep(0)
            self._turn_ends = time.monotonic() + MAX_TURN_S
        if self._stream.is_closed:
            raise Ended
        engine = self._engine or await self._start()
        while True:
            self._news.clear()
            taken = engine.take(wait=False)
            if taken is not None:
                return taken
            await self._news.wait()
            self._turn_ends = time.monotonic() + MAX_TURN_S

    async def _start(self) -> Engine:
        engine = await asyncio.to_thread(self._stream.start)
        loop, news = asyncio.get_running_loop(), self._news

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.set)

        engine.listen(wake)
        self._engine = engine
        return engine
