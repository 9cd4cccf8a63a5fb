"""How many transfers at once -> how many the limit of open files allows."""

from __future__ import annotations

import logging
import selectors
from contextlib import suppress

logger = logging.getLogger(__name__)

SPARE_FILES = 256
"""Open files that are not connections: shards, input, libraries, the resolver's sockets."""
MAX_SELECT_SOCKETS = 512
"""Sockets that can be waited for where there is only select(), as on Windows."""
SPARE_SOCKETS = 112
"""Of these, sockets that are not connections."""


def transfers_allowed(wanted: int) -> int:
    """Raise the limit of open files as `wanted` transfers need; return how many it allows."""
    try:
        import resource  # noqa: PLC0415  (not on Windows)
    except ImportError:
        return selectable(wanted)
    needed = 2 * wanted + SPARE_FILES  # in use, and kept open for the next request
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return wanted
    allowed = max(1, (soft - SPARE_FILES) // 2)
    logger.warning(
        "%d downloads at once need %d open files and the system allows %d (see ulimit -n): "
        "%d at once",
        wanted,
        needed,
        soft,
        allowed,
    )
    return allowed


def selectable(wanted: int) -> int:
    """Transfers that can be waited for at once; connections that do not come about count twice."""
    allowed = (MAX_SELECT_SOCKETS - SPARE_SOCKETS) // 2
    if wanted <= allowed or not issubclass(selectors.DefaultSelector, selectors.SelectSelector):
        return wanted
    logger.warning(
        "this system can wait for %d sockets: %d downloads at once, not %d",
        MAX_SELECT_SOCKETS,
        allowed,
        wanted,
    )
    return allowed
