"""Options -> what all workers of a run have in common."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.options import Options
from img2dataset.sources import SourceConfig


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is started with.  In a module of its own, so that the parent process,
    which does not touch images, need not import what a worker imports."""

    options: Options
    """Without the list, and with an output_folder that does not depend on the cwd."""
    source: SourceConfig
    shared_file: str | None = None
    """Where the workers of a machine note what they do to a host, see fetch/hosts/shared.py."""
    cores: int | None = None
    """Of one worker; None = an equal share of the machine's."""
    host_limit_share: int = 1
    """Workers, each for itself, that share what may be asked of a host."""
    roots: tuple[str, ...] = ()
    """Beginnings of the URLs of a list that is a folder of images."""
    concurrent_attempts: bool = False
    """Whether another attempt at a shard may be under way somewhere: see dataset/shard_lock.py."""
