"""How many transfers at once -> how many the limit of open files allows."""

from __future__ import annotations

import logging
from contextlib import suppress

logger = logging.getLogger(__name__)

SPARE = 256
"""Open files that are not connections: shards, input, libraries, the resolver's sockets."""


def transfers_allowed(wanted: int) -> int:
    """Raise the limit of open files as `wanted` transfers need; return how many it allows."""
    try:
        import resource  # noqa: PLC0415  (not on Windows)
    except ImportError:
        return wanted
    needed = 2 * wanted + SPARE  # in use, and kept open for the next request
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return wanted
    allowed = max(1, (soft - SPARE) // 2)
    logger.warning(
        "%d downloads at once need %d open files and the system allows %d (see ulimit -n): "
        "%d at once",
        wanted,
        needed,
        soft,
        allowed,
    )
    return allowed
