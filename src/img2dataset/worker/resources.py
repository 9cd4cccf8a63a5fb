"""Options, and the machine -> workers, threads of a worker, bytes that it may hold."""

from __future__ import annotations

import os

from img2dataset.options import Options

MIN_BYTES = 256_000_000
BYTES_PER_DOWNLOAD = 1_000_000
SHARE_OF_MEMORY = 0.25
"""Bodies and pictures that a worker holds: so many bytes for each download in flight, LEAST_BYTES
or more, and with the other workers no more than this share of the machine's memory."""


def workers_here(options: Options, cores: int | None) -> int:
    """Workers that this machine has room for, or is to have; `cores` of each, if that is set."""
    return options.processes_count if cores is None else max(1, available_cores() // cores)


def image_threads(options: Options, cores: int | None = None) -> int:
    """Threads that process bodies in one worker."""
    if options.disable_all_reencoding:
        return 1  # for careful shards: for the others the fetch thread does it
    return max(1, available_cores() // workers_here(options, cores))


def limit_bytes(options: Options, cores: int | None = None) -> int:
    """Bytes of bodies and pictures that one worker may hold."""
    wanted = options.thread_count * BYTES_PER_DOWNLOAD
    most = int(SHARE_OF_MEMORY * memory() / workers_here(options, cores))
    return max(MIN_BYTES, min(wanted, most))


def memory() -> int:
    """Bytes of the machine's memory; 0 where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
