"""A request -> samples in a buffer: the list, its workers, and the thread that supervises them.

Nothing here refers to the `Stream` that reads the buffer: when that is dropped, it is collected,
and the engine is closed.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from img2dataset.distributors import Event, Notice, Work
from img2dataset.distributors.local import Supervisor
from img2dataset.errors import RunError
from img2dataset.job import Job, Sending
from img2dataset.options import Options
from img2dataset.records import Shard
from img2dataset.run.all_columns import name_all_columns
from img2dataset.run.ignored_options import drop_ignored_options
from img2dataset.run.preflight import (
    add_roots,
    check_url_schemes,
    make_shared_file,
    reserve_standard_streams,
)
from img2dataset.run.standard_input import save_standard_input
from img2dataset.sources import Source, SourceConfig, open_source
from img2dataset.streaming.buffer import Buffer, BufferConfig
from img2dataset.streaming.request import StreamRequest
from img2dataset.streaming.row_ranges import RowRanges
from img2dataset.streaming.slices import Slicing, choose_slice_rows, cut_slices
from img2dataset.streaming.state import dump_state, load_done
from img2dataset.tally import Tally
from img2dataset.text import plural

if TYPE_CHECKING:
    from img2dataset.streaming.server import Address, SampleServer

log = logging.getLogger("img2dataset.stream")

JOIN_TIMEOUT_S = 0.9
"""Time for the thread to end, which may be reading the list; it ends by itself when that returns."""


@dataclass(frozen=True, slots=True)
class OpenList:
    """A list, and the options that were found for it."""

    source: Source
    config: SourceConfig
    options: Options
    notices: tuple[str, ...]


class Engine:
    """Fetches a list, from the call of `start` until it is closed."""

    def __init__(self, request: StreamRequest) -> None:
        """Open the list.

        Raises:
            OptionError: the list cannot be read.
        """
        self._request = request
        self._pid = os.getpid()
        self._stack = ExitStack()
        options = request.options
        self._slicing = Slicing(
            options.number_sample_per_shard, choose_slice_rows(request.prefetch_bytes)
        )
        try:
            reserve_standard_streams()
            self._list = open_list(options, self._stack)
        except BaseException:
            self._stack.close()
            raise
        # one half of the limit is for what is here, one for what is in the workers
        half = request.prefetch_bytes // 2
        self._done_before = RowRanges()
        self._buffer = Buffer(BufferConfig(half, request.ordered, self._slicing))
        self.take = self._buffer.take
        self.listen = self._buffer.listen
        self._slices: Iterator[Shard] = iter(())
        work = Work(
            "img2dataset.worker.main:serve",
            options.processes_count,
            options.max_shard_retry,
            outlet=self._buffer,
        )
        self._supervisor = Supervisor(work)
        self._buffer.look_again = self._supervisor.look_again
        self._server: SampleServer | None = None
        self._address_file: Path | None = None
        self._thread = threading.Thread(target=self._run, name="img2dataset-stream", daemon=True)
        _engines.add(self)

    @property
    def tally(self) -> Tally:
        """Counts of all rows that came from the workers."""
        return self._buffer.tally

    @property
    def has_ended(self) -> bool:
        return self._buffer.has_ended

    @property
    def has_started(self) -> bool:
        return self._thread.ident is not None

    def start(self, share: tuple[int, int] = (0, 1)) -> None:
        """Start to fetch; of `share` = (i, N) every N-th slice of the list, from the i-th on."""
        node, nodes = share
        slicing = replace(self._slicing, node=node, nodes=nodes)
        self._slices = cut_slices(self._list.source, slicing, self._done_before)
        for notice in self._list.notices:
            log.warning("%s", notice)
        self._thread.start()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Leave out the rows that are in `state`; to be called before `start`.

        Raises:
            OptionError: the state is not of this list.
        """
        done = load_done(state, self._list.source, self._request.options)
        self._done_before = done.copy()
        self._buffer.leave_out(done)

    def dump_state(self) -> dict[str, Any]:
        done = self._buffer.find_done_rows()
        return dump_state(self._list.source, self._request.options, done)

    def serve(self, path: Path | None = None) -> Address:
        """Let other processes of this machine take samples; write the address into the file `path`,
        which is removed with the engine."""
        from img2dataset.streaming.client import write_address  # noqa: PLC0415  (few need it)
        from img2dataset.streaming.server import SampleServer  # noqa: PLC0415

        if self._server is None:
            self._server = SampleServer(self._buffer.take)
            self._buffer.listen(self._server.ring)
        if path is not None:
            write_address(path, self._server.address)
            self._address_file = path
        return self._server.address

    def close(self, *, wait: bool = True) -> None:
        """End everything; with `wait`, it has ended when this returns.  Thread-safe.

        In a process that was forked from the engine's own, there is nothing to end.
        """
        if os.getpid() != self._pid:
            return
        ended = self._buffer.has_ended
        self._buffer.close()
        self._supervisor.kill()
        if self._server is not None:
            self._server.close(JOIN_TIMEOUT_S if wait else None, ended=ended)
        if self._address_file is not None:
            self._address_file.unlink(missing_ok=True)
        if not self.has_started:
            self._stack.close()
        elif wait and not self._is_own_thread():
            self._thread.join(JOIN_TIMEOUT_S)

    def _is_own_thread(self) -> bool:
        here = threading.current_thread()
        return here is self._thread or here.name.startswith("worker-")

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._fetch()
        except BaseException as caught:  # noqa: BLE001  (raised in the consumer)
            error = caught
        finally:
            # the list first: what it is read from may be a file that the stack removes
            cast("Generator[Shard]", self._slices).close()
            self._stack.close()
            self._buffer.finish(error)

    def _fetch(self) -> None:
        try:
            self._supervisor.start()
            job = self._make_job()
            errors = self._supervisor.run(job, self._begin_slices(), self._handle)
        finally:
            self._supervisor.stop()
        if errors:
            number, error = next(iter(errors.items()))
            raise RunError(
                f"{plural(len(errors), 'slice')} of the list could not be fetched, and "
                f"{'its' if len(errors) == 1 else 'their'} rows are missing; number {number}: {error}"
            )

    def _make_job(self) -> Job:
        options = self._list.options
        sending = Sending(
            self._request.prefetch_bytes // 2 // options.processes_count,
            self._request.yields_failures,
        )
        job = Job(
            replace(options, url_list=None),
            self._list.config,
            make_shared_file(options, self._stack),
            sending=sending,
        )
        return add_roots(job, self._list.source)

    def _begin_slices(self) -> Iterator[Shard]:
        for shard in self._slices:
            self._buffer.begin(shard)
            yield shard
        for finding in self._list.source.findings():
            log.warning("%s", finding)

    def _handle(self, event: Event | None) -> None:
        if isinstance(event, Notice):
            log.warning("%s", event.text)


_engines: WeakSet[Engine] = WeakSet()


@atexit.register
def close_all() -> None:
    """End what is left at the end of the process."""
    for engine in list(_engines):
        engine.close()


def open_list(options: Options, stack: ExitStack) -> OpenList:
    """Open the list as `download` does; `stack` removes what is kept of it for the time being."""
    options, ignored = drop_ignored_options(options)
    check_url_schemes(options)
    url_list = save_standard_input(options, stack)
    options, renamed = name_all_columns(options, url_list, keep_all)
    config = SourceConfig.of(options)
    source = open_source(url_list, config)
    return OpenList(source, config, options, (*ignored, *renamed, *source.notices))


def keep_all(url: str) -> bool:
    """No file of a list is left out: there is no output folder that it may be in."""
    del url
    return False
