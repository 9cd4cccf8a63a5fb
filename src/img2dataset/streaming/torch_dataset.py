"""The torch IterableDataset of a stream.  Imported only where torch is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.utils.data import IterableDataset

from img2dataset.streaming.client import iterate, iterate_leader
from img2dataset.streaming.sample import StreamSample
from img2dataset.streaming.server import Address


class OwnStream(Protocol):
    """What is needed of a `Stream` in its own process."""

    @property
    def is_closed(self) -> bool: ...

    def __iter__(self) -> Iterator[StreamSample]: ...


class StreamDataset(IterableDataset[Any]):  # type: ignore[misc]
    """Yields each sample in one DataLoader worker of one rank.

    In the process that fetches, without DataLoader workers, samples come from the stream itself;
    in all others, over a connection to it.
    """

    def __init__(
        self,
        stream: OwnStream | None,
        address: Address | None,
        leader: Path | None,
        transform: Callable[[StreamSample], Any] | None,
    ) -> None:
        """`address` is the engine's of this process; else `leader` is the file with the address of
        the rank that fetches."""
        super().__init__()
        self._stream = stream
        self._address = address
        self._leader = leader
        self._transform = to_tensors if transform is None else transform
        self._pid = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_stream": None}

    def __iter__(self) -> Iterator[Any]:
        return map(self._transform, self._iterate())

    def _iterate(self) -> Iterator[StreamSample]:
        if self._stream is not None and os.getpid() == self._pid:
            if self._stream.is_closed:
                raise RuntimeError("the stream has ended: call stream() again for another pass")
            return iter(self._stream)
        if self._address is not None:
            return iterate(self._address)
        assert self._leader is not None  # noqa: S101  (one of the three is set)
        return iterate_leader(self._leader)


def to_tensors(sample: StreamSample) -> dict[str, Any]:
    """Make what the default `collate_fn` can put into a batch."""
    pixels = torch.from_numpy(sample.array()).permute(2, 0, 1).contiguous()
    return {
        "image": pixels,
        "key": sample.key,
        "url": sample.url or "",
        "caption": sample.caption or "",
    }
