"""Options -> what all workers of a run have in common."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.options import Options
from img2dataset.sources import SourceConfig

REQUEST_SECONDS = "_request_seconds"
"""Key, in the metadata that are sent with a sample, of the time of its last request."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How a worker sends its samples, if it does not store them."""

    limit_bytes: int
    """Of bodies and images that may wait in the worker."""
    sends_failures: bool
    """Whether the metadata of failed rows are wanted."""
    sends_times: bool = False
    """Whether the metadata have REQUEST_SECONDS, or None if it is not known; only with
    save_fetch_metadata it is."""


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
    sending: Sending | None = None
    """Set for a stream: nothing is stored."""
