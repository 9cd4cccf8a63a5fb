"""`stream` and `astream`; their types are in _stream.pyi, which docs/generate.py makes from `Options`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from img2dataset.stream_api import make_stream
from img2dataset.streaming.request import StreamRequest
from img2dataset.streaming.stream import Stream

if TYPE_CHECKING:
    from img2dataset.streaming.asynchronous import AsyncStream


def make_async(request: StreamRequest) -> AsyncStream:
    """An AsyncStream; asyncio is imported only for it."""
    from img2dataset.streaming.asynchronous import AsyncStream  # noqa: PLC0415

    return AsyncStream(request)


stream = make_stream("stream", Stream, "Stream")
astream = make_stream("astream", make_async, "AsyncStream")
