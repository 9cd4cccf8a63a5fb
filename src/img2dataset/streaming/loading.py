"""A stream -> a dataset for torch, which is imported only here and below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.streaming.ranks import Ranks, choose_address_file
from img2dataset.streaming.sample import StreamSample

if TYPE_CHECKING:
    from img2dataset.streaming.engine import Engine
    from img2dataset.streaming.torch_dataset import StreamDataset


class StartableStream(Protocol):
    """What is needed of a `Stream`."""

    @property
    def is_closed(self) -> bool: ...

    def __iter__(self) -> Iterator[StreamSample]: ...

    def start(self, share: tuple[int, int] = ...) -> Engine: ...


def check_torch() -> None:
    """Refuse to go on without torch.

    Raises:
        MissingExtraError: it is not installed.
    """
    if find_spec("torch") is None:
        raise MissingExtraError("torch()", "torch", "torch")


def make_dataset(
    stream: StartableStream,
    transform: Callable[[StreamSample], Any] | None,
    ranks: Ranks,
    *,
    yields_failures: bool,
) -> StreamDataset:
    """Start the engine of this machine, or find the one of another rank; see `Stream.torch`."""
    if transform is None and yields_failures:
        raise OptionError(
            "failures is 'yield': rows without an image need a transform of yours in torch()"
        )
    from img2dataset.streaming.torch_dataset import StreamDataset  # noqa: PLC0415  (imports torch)

    path = None if ranks.local_world_size == 1 else choose_address_file(ranks)
    if path is not None and not ranks.is_leader:
        return StreamDataset(None, None, path, transform)
    engine = stream.start((ranks.node, ranks.nodes))
    address = engine.serve(path)
    return StreamDataset(stream, address, None, transform)
