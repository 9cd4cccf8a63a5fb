"""`stream` and `astream`; their types are in _stream.pyi, which docs/generate.py makes from `Options`."""

from __future__ import annotations

from img2dataset.stream_api import make_stream
from img2dataset.streaming.asynchronous import AsyncStream
from img2dataset.streaming.stream import Stream

stream = make_stream("stream", Stream)
astream = make_stream("astream", AsyncStream)
