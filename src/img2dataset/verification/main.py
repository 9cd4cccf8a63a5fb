"""A stored dataset -> whether it is whole; see `verify`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from os import cpu_count

from img2dataset.dataset import replace as journal
from img2dataset.dataset.layout import Layout, StoredShard, layout_of
from img2dataset.dataset.run_lock import acquire_run_lock, is_in_use
from img2dataset.errors import MissingExtraError, OptionError, RunError
from img2dataset.storage.folder import Folder
from img2dataset.verification.checked import Broken, Checked, Verification, summary
from img2dataset.verification.pictures import set_up
from img2dataset.verification.shard import check_shard

__all__ = ["Broken", "Verification", "summary", "verify_folder"]

AHEAD = 2
"""Shards that are being looked at, or wait for their turn to be told, for each thread."""
MOST_THREADS = 8

Say = Callable[[str], None]


def verify_folder(
    output_folder: str, *, deep: bool, repair: bool, allow_gaps: bool, say: Say
) -> Verification:
    """Check every shard in a folder; `say` takes a line for each thing that is wrong.

    Raises:
        OptionError: there is no dataset, or, with `repair`, a run is writing it.
        RunError: something cannot be read: that is no reason to call it broken.
    """
    folder = open_dataset(output_folder)
    try:
        with ExitStack() as stack:
            if repair:
                take_over(folder, stack, say)
            return _verify(folder, deep=deep, repair=repair, allow_gaps=allow_gaps, say=say)
    except OSError as error:
        raise RunError(f"{folder.url} cannot be read: {error}") from error


def open_dataset(output_folder: str) -> Folder:
    try:
        folder = Folder(output_folder)
    except MissingExtraError:
        raise
    except (ImportError, ValueError) as error:
        raise OptionError(f"{output_folder!r} cannot be opened: {error}") from error
    if is_file(folder):
        raise OptionError(f"{output_folder!r} is a file: verify takes the folder of a dataset")
    return folder


def is_file(folder: Folder) -> bool:
    try:
        kind: str = folder.do(lambda: folder.fs.info(folder.root))["type"]
    except OSError:  # not there, or not to be read: what looks into it will say so
        return False
    return kind == "file"


def take_over(folder: Folder, stack: ExitStack, say: Say) -> None:
    """Keep runs out, and finish what an interrupted one had begun."""
    if not folder.names():
        raise OptionError(f"{folder.url!r} has no shards: there is nothing to verify")
    if not stack.enter_context(acquire_run_lock(folder, say)):
        raise OptionError(f"{folder.url!r}: a run is writing there; wait for its end")
    journal.roll_forward(folder)


def _verify(
    folder: Folder, *, deep: bool, repair: bool, allow_gaps: bool, say: Say
) -> Verification:
    under_way = not repair and is_in_use(folder)
    layout = layout_of(folder)
    if not layout.shards and not layout.unfinished:
        raise OptionError(f"{folder.url!r} has no shards: there is nothing to verify")
    if deep:
        set_up()
    broken, shards, rows, images = [], 0, 0, 0
    for checked in checked_shards(folder, layout, deep=deep):
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
        say("a run is writing here: only the shards that are done were looked at")
    if repair:
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


def checked_shards(folder: Folder, layout: Layout, *, deep: bool) -> Iterator[Checked]:
    """What became of each shard, in order; several are looked at at the same time."""
    threads = min(MOST_THREADS, cpu_count() or 1) if folder.local else MOST_THREADS
    waiting: deque[Future[Checked]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for shard in layout.shards:
            waiting.append(pool.submit(check_shard, folder, shard, deep=deep))
            if len(waiting) >= AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def remove_broken(folder: Folder, layout: Layout, names: set[str]) -> None:
    """Remove broken shards, stats first: from then on they are not done; and what is left over."""
    broken: list[StoredShard] = [shard for shard in layout.shards if shard.name in names]
    folder.remove(shard.stats for shard in broken)
    for shard in (*broken, *layout.unfinished):
        folder.remove(sorted(shard.files - {shard.stats}))
    journal.roll_back(folder)
    folder.clear_parts()
