"""A stored dataset -> whether it is whole; see `verify`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from os import cpu_count

from img2dataset.dataset import replace as journal
from img2dataset.dataset.layout import Layout, StoredShard, read_layout
from img2dataset.dataset.opening import open_dataset
from img2dataset.dataset.run_lock import acquire_run_lock, is_in_use
from img2dataset.errors import OptionError, RunError
from img2dataset.publishing.main import retract
from img2dataset.storage.folder import Folder
from img2dataset.verification.checked import Broken, CheckedShard, Verification, summarize
from img2dataset.verification.pictures import set_up_decoder
from img2dataset.verification.shard import check_shard

__all__ = ["Broken", "Verification", "summarize", "verify_folder"]

SHARDS_PER_THREAD = 2
"""Shards that are being checked, or wait to be reported in their order, for each thread."""
MAX_THREADS = 8

Say = Callable[[str], None]


def verify_folder(
    output_folder: str, *, deep: bool, repair: bool, allow_gaps: bool, say: Say
) -> Verification:
    """Check every shard in a folder; `say` takes a line for each thing that is wrong.

    Raises:
        OptionError: there is no dataset, or, with `repair`, a run is writing it.
        RunError: something cannot be read, which does not mean that it is broken.
    """
    folder = open_dataset(output_folder, "verify")
    try:
        with ExitStack() as stack:
            if repair:
                lock_for_repair(folder, stack, say)
            return _verify(folder, deep=deep, repair=repair, allow_gaps=allow_gaps, say=say)
    except OSError as error:
        raise RunError(f"{folder.url} cannot be read: {error}") from error


def lock_for_repair(folder: Folder, stack: ExitStack, say: Say) -> None:
    """Keep runs out, and finish what an interrupted run had begun."""
    if not folder.names():
        raise OptionError(f"{folder.url!r} has no shards: there is nothing to verify")
    if not stack.enter_context(acquire_run_lock(folder, say)):
        raise OptionError(f"{folder.url!r}: a run is writing there; wait for its end")
    journal.roll_forward(folder)


def _verify(
    folder: Folder, *, deep: bool, repair: bool, allow_gaps: bool, say: Say
) -> Verification:
    under_way = not repair and is_in_use(folder)
    layout = read_layout(folder)
    if not layout.shards and not layout.unfinished:
        raise OptionError(f"{folder.url!r} has no shards: there is nothing to verify")
    if deep:
        set_up_decoder()
    broken, shards, rows, images = [], 0, 0, 0
    for checked in check_shards(folder, layout, deep=deep):
        shards, rows, images = shards + 1, rows + checked.rows, images + checked.images
        if checked.problems:
            say(f"{checked.name}: {'; '.join(checked.problems)}")
            broken.append(Broken(checked.name, checked.problems))
    leftovers = [] if under_way else layout.leftovers()
    gaps = () if under_way or allow_gaps else layout.gaps()
    for line in leftovers:
        say(line)
    if gaps:
        say(layout.gaps_line(gaps))
    if under_way:
        say("a run is writing here: only the shards that are done were checked")
    if repair:
        if broken:
            retract(folder)
        remove_broken(folder, layout, {each.name for each in broken})
    return Verification(
        output_folder=folder.url,
        shards=shards,
        rows=rows,
        images=images,
        broken=tuple(broken),
        gaps=gaps,
        leftovers=tuple(leftovers),
        repaired=repair,
    )


def check_shards(folder: Folder, layout: Layout, *, deep: bool) -> Iterator[CheckedShard]:
    """Check each shard, several at the same time; yield the results in order."""
    threads = min(MAX_THREADS, cpu_count() or 1) if folder.local else MAX_THREADS
    waiting: deque[Future[CheckedShard]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for shard in layout.shards:
            waiting.append(pool.submit(check_shard, folder, shard, deep=deep))
            if len(waiting) >= SHARDS_PER_THREAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def remove_broken(folder: Folder, layout: Layout, names: set[str]) -> None:
    """Remove leftovers and broken shards, their stats first: from then on they are not done."""
    broken: list[StoredShard] = [shard for shard in layout.shards if shard.name in names]
    folder.remove(shard.stats for shard in broken)
    for shard in (*broken, *layout.unfinished):
        folder.remove(sorted(shard.files - {shard.stats}))
    journal.roll_back(folder)
    folder.clear_parts()
