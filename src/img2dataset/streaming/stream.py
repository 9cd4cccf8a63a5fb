"""`stream`: an iterator over the samples of a list, in the process that makes it."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from img2dataset.streaming.buffer import Ended, Taken
from img2dataset.streaming.request import StreamRequest
from img2dataset.streaming.sample import StreamSample
from img2dataset.tally import Tally

if TYPE_CHECKING:
    # `Self` is new in 3.11
    from typing import Self

    from img2dataset.streaming.engine import Engine
    from img2dataset.streaming.torch_dataset import StreamDataset


class Stream:
    """The samples of a list, as they arrive.  Thread-safe: each sample goes to one caller.

    The list is opened, and the workers start, with the first sample that is asked for.
    """

    def __init__(self, request: StreamRequest) -> None:
        self._request = request
        self._opening = threading.RLock()
        self._engine: Engine | None = None
        self._pid = os.getpid()
        self._closed = False
        self._take: Callable[[], Taken | None] | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> StreamSample:
        if self._closed:
            raise StopIteration
        try:
            taken = self._find_take()()
        except Ended:
            self.close()
            raise StopIteration from None
        except BaseException:  # Ctrl-C too: without a with block nothing else would end it
            self.close()
            raise
        assert taken is not None  # noqa: S101  (for the type checker)
        return StreamSample(*taken)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError(
            "a stream cannot be sent to another process: call stream() there, or use "
            "samples.torch() for a DataLoader"
        )

    def close(self, *, wait: bool = True) -> None:
        """End the stream: no process, thread or connection of it is left.  May be called again.

        Args:
            wait: until everything has ended; False = at once, and it ends in a moment.
        """
        self._closed = True
        if self._engine is not None:
            self._engine.close(wait=wait)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, or has come to its end."""
        return self._closed

    @property
    def tally(self) -> Tally:
        """Counts by status and reason of the rows that have come, whether they were yielded yet or
        not."""
        return Tally() if self._engine is None else self._engine.tally

    def state_dict(self) -> dict[str, Any]:
        """Return what the stream reads and which of its rows were yielded, as plain values.

        Rows that failed and were skipped count as yielded. A row that was yielded is in the state
        at once; one that waits to be yielded is not.

        Raises:
            OptionError: the list cannot be read.
        """
        return self._get_engine().dump_state()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Leave out the rows that are in `state`; to be called before the first sample.

        Raises:
            OptionError: the state is of another list, or of options by which its rows have other
                numbers.
            RuntimeError: samples were already asked for.
        """
        with self._opening:
            began = self._engine is not None and self._engine.has_started
            if began or self._closed or os.getpid() != self._pid:
                raise RuntimeError("load_state_dict() must be called before the first sample")
            self._open().load_state(state)

    def torch(
        self,
        transform: Callable[[StreamSample], Any] | None = None,
        *,
        rank: int | None = None,
        world_size: int | None = None,
        local_world_size: int | None = None,
    ) -> StreamDataset:
        """Return the stream as a torch IterableDataset, for any number of DataLoader workers.

        One engine per machine fetches: DataLoader workers, and the other ranks of the machine, get
        their samples from it, each sample once.

        Args:
            transform: what is yielded of a sample; it must be picklable where workers are spawned.
                None = a dict with `image` (uint8 tensor, 3 x height x width), `key`, `url` and
                `caption` ("" where there is none).
            rank: of this process; None = as torch.distributed or the environment says, else 0.
            world_size: number of ranks; None = likewise, else 1.
            local_world_size: ranks on this machine; None = LOCAL_WORLD_SIZE, else all of them.

        Raises:
            MissingExtraError: torch is not installed.
            OptionError: the list cannot be read, or the ranks make no sense.
        """
        from img2dataset.streaming.loading import check_torch, make_dataset  # noqa: PLC0415
        from img2dataset.streaming.ranks import find_ranks  # noqa: PLC0415  (few need it)

        check_torch()
        ranks = find_ranks(rank, world_size, local_world_size)
        yields_failures = self._request.yields_failures
        return make_dataset(self, transform, ranks, yields_failures=yields_failures)

    def _get_engine(self) -> Engine:
        """Return the engine of this process."""
        if os.getpid() != self._pid:
            raise RuntimeError(
                "the stream belongs to another process: call stream() in this one, or use "
                "samples.torch() for a DataLoader"
            )
        return self._engine or self._open()

    def start(self, share: tuple[int, int] = (0, 1)) -> Engine:
        """Let the workers start, if they have not; `share` as in `Engine.start`.

        Raises:
            OptionError: the list cannot be read.
        """
        engine = self._get_engine()
        if not engine.has_started:
            with self._opening:
                if not engine.has_started:
                    engine.start(share)
        return engine

    def _find_take(self) -> Callable[[], Taken | None]:
        """Find what takes a sample; start first, if that is not done."""
        if self._take is None or os.getpid() != self._pid:
            self._take = self.start().take
        return self._take

    def _open(self) -> Engine:
        """Open the list, if it is not open."""
        from img2dataset.streaming.engine import Engine  # noqa: PLC0415  (heavy)

        with self._opening:
            if self._engine is None:
                engine = Engine(self._request)
                finalize = weakref.finalize(self, engine.close, wait=False)
                finalize.atexit = False  # it waits then, see `engine`
                self._engine = engine
            return self._engine
