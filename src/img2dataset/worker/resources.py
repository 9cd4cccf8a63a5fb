"""Options and the machine -> workers, threads of a worker, bytes that wait in its memory."""

from __future__ import annotations

import os

from img2dataset.options import Options

MIN_BYTES = 256_000_000
BYTES_PER_DOWNLOAD = 1_000_000
SHARE_OF_MEMORY = 0.25
"""Bodies and images in a worker's memory: so many bytes for each download in flight, but at least
MIN_BYTES, and together with the other workers at most this share of the machine's memory."""


def workers_here(options: Options, cores: int | None) -> int:
    """Return how many workers run on this machine; `cores` is the number of each, if that is set."""
    return options.processes_count if cores is None else max(1, available_cores() // cores)


def image_threads(options: Options, cores: int | None = None) -> int:
    """Return how many threads process bodies in one worker."""
    if options.disable_all_reencoding:
        return 1  # for isolated shards: for the others the fetch thread does it
    return max(1, available_cores() // workers_here(options, cores))


def limit_bytes(options: Options, cores: int | None = None) -> int:
    """Return how many bytes of bodies and images may wait in one worker."""
    wanted = options.thread_count * BYTES_PER_DOWNLOAD
    most = int(SHARE_OF_MEMORY * memory() / workers_here(options, cores))
    return max(MIN_BYTES, min(wanted, most))


def memory() -> int:
    """Return the machine's memory in bytes; 0 if it is unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def available_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
