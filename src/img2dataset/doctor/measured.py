"""What is measured of a machine: frozen records, each judged by a function of `verdicts`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """What this process may use of the CPU."""

    usable: int
    """Cores that it may run on."""
    quota: float | None
    """Cores of CPU time that its container gets; None = no limit."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory, in bytes."""

    available: int | None
    """That can be used without swapping, in the limit of the container; None = unknown."""
    needed: int
    """What the settings may take at most, with usual images."""


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """The limit of open files of a process."""

    allowed: int | None
    """The hard limit, to which a run raises its own; None = no limit."""
    needed: int


@dataclass(frozen=True, slots=True)
class Dns:
    """Look-ups of a few host names at once."""

    servers: tuple[str, ...]
    asked: int
    """Names."""
    failed: int
    """Names without an answer; that a name does not exist is an answer."""
    seconds: float
    """For all of them."""
    is_by_proxy: bool = False
    """Whether a proxy resolves names, so that none were asked."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of this machine."""

    is_synchronised: bool | None
    """By the kernel's word; None = unknown."""
    behind_installation_s: float
    """By how much it is before the time at which this package was installed; negative = after."""
    ahead_of_disk_s: float | None
    """Of the clock of the output folder's file system; None = not asked."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """The trusted certificates."""

    place: str
    """File or folder; empty = libcurl's own default."""
    count: int | None
    """None = not known."""
    is_ignored: bool
    """Whether certificates are not verified."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy for http and https."""

    address: str
    """Host and port, without user and password; empty = none."""
    error: str
    """Why it could not be connected to; empty = it could."""


@dataclass(frozen=True, slots=True)
class Room:
    """The room on the disk of the output folder, and what the list may need."""

    folder: str
    free_bytes: int
    free_files: int | None
    """None = the file system has no limit."""
    needed_bytes: int | None
    """None = the list, or its length, is not known."""
    needed_files: int | None


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    """How quickly the output folder takes files."""

    bytes_per_second: float
    """One large file, flushed to the disk."""
    files_per_second: float
    """Small files."""
    stores_files: bool
    """Whether output_format is files."""


@dataclass(frozen=True, slots=True)
class Native:
    """The compiled modules."""

    found: tuple[str, ...]
    missing: tuple[str, ...]
