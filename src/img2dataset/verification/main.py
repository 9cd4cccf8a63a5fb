"""A stored dataset -> whether it is whole; see `verify`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from os import cpu_count

from img2dataset.dataset import replace as journal
from img2dataset.dataset.index_kinds import read_index_kinds
from img2dataset.dataset.layout import Layout, read_layout
from img2dataset.dataset.opening import open_dataset
from img2dataset.dataset.run_lock import acquire_run_lock, is_in_use
from img2dataset.errors import DamagedError, OptionError, RunError
from img2dataset.formats import find_format
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
    wrong_indexes: list[str] = []
    kinds = read_index_kinds(folder)
    for checked in check_shards(folder, layout, kinds, deep=deep):
        shards, rows = shards + 1, rows + checked.rows
        images += 0 if checked.problems else checked.images
        if checked.problems:
            say(f"{checked.name}: {'; '.join(checked.problems)}")
            broken.append(Broken(checked.name, checked.problems))
        # a run that replaces a shard removes its indexes for a moment
        wrong_indexes += () if under_way else checked.wrong_indexes
    leftovers = [] if under_way else layout.leftovers()
    gaps = () if under_way or allow_gaps else layout.gaps()
    if not (under_way or broken or gaps or layout.unfinished):  # which the next run mends, too
        wrong_indexes += find_wrong_folder_files(folder, layout)
    lines = [*leftovers, *([layout.gaps_line(gaps)] if gaps else []), *wrong_indexes]
    if under_way:
        lines.append("a run is writing here: only the shards that are done were checked")
    for line in lines:
        say(line)
    if repair:
        from img2dataset.verification.repair import repair_dataset  # noqa: PLC0415  (few do)

        repair_dataset(folder, layout, {each.name for each in broken}, wrong_indexes)
    return Verification(
        output_folder=folder.url,
        shards=shards,
        rows=rows,
        images=images,
        broken=tuple(broken),
        gaps=gaps,
        leftovers=tuple(leftovers),
        wrong_indexes=tuple(wrong_indexes),
        repaired=repair,
    )


def find_wrong_folder_files(folder: Folder, layout: Layout) -> list[str]:
    """Find the index files of the whole folder that are missing or wrong."""
    if not any(find_format(shard.output_format).indexes for shard in layout.shards):
        return []
    # few datasets have any
    from img2dataset.publishing.contents import read_contents  # noqa: PLC0415
    from img2dataset.publishing.index_check import find_wrong_files  # noqa: PLC0415

    try:
        contents = read_contents(folder)
    except DamagedError:  # reported as a problem of the shard
        return []
    return find_wrong_files(folder, contents)


def check_shards(
    folder: Folder, layout: Layout, kinds: Collection[str], *, deep: bool
) -> Iterator[CheckedShard]:
    """Check each shard, several at the same time; yield the results in order."""
    threads = min(MAX_THREADS, cpu_count() or 1) if folder.local else MAX_THREADS
    waiting: deque[Future[CheckedShard]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for shard in layout.shards:
            waiting.append(pool.submit(check_shard, folder, shard, kinds, deep=deep))
            if len(waiting) >= SHARDS_PER_THREAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
