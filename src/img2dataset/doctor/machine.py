"""This machine -> records of `measured`: cores, memory, open files, clock, modules."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from img2dataset.doctor.measured import Clock, Cores, Memory, Native, OpenFiles
from img2dataset.fetch.http.fd_limit import SPARE_FILES
from img2dataset.images import native
from img2dataset.options import Options
from img2dataset.worker.resources import available_cores, image_threads, limit_bytes, memory

CGROUP = Path("/sys/fs/cgroup")
"""Of a container with cgroups of version 2, its own."""
MEMINFO = Path("/proc/meminfo")
WORKER_BYTES = 150_000_000
"""Libraries of a process; the parent counts as one."""
IMAGE_BYTES = 40_000_000
"""A usual photo, decoded: 13 megapixels of 3 bytes."""
TIME_ERROR = 5
"""Result of adjtimex(2): the clock is not synchronised."""
TIMEX_BYTES = 512
"""More than the struct of any platform."""


def measure_cores() -> Cores:
    """Find the cores and the quota of the container."""
    words = read_text(CGROUP / "cpu.max").split()
    has_quota = len(words) == 2 and words[0].isdigit()
    return Cores(available_cores(), int(words[0]) / int(words[1]) if has_quota else None)


def measure_memory(options: Options) -> Memory:
    """Find the memory that is available, and what the settings may take."""
    workers = options.processes_count
    threads = image_threads(options) * workers
    needed = WORKER_BYTES * (workers + 1) + limit_bytes(options) * workers + IMAGE_BYTES * threads
    return Memory(find_available_memory(), needed)


def find_available_memory() -> int | None:
    """Return the bytes that can be used without swapping; None if that is not known."""
    limits = []
    for line in read_text(MEMINFO).splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            limits.append(int(rest.split()[0]) * 1024)
    most, used = (read_text(CGROUP / name).strip() for name in ("memory.max", "memory.current"))
    if most.isdigit() and used.isdigit():
        limits.append(max(0, int(most) - int(used)))
    if not limits and memory():
        limits.append(memory())
    return min(limits, default=None)


def measure_open_files(options: Options) -> OpenFiles:
    """Find the limit of open files, which a run raises as far as it may."""
    needed = 2 * options.thread_count + SPARE_FILES
    try:
        import resource  # noqa: PLC0415  (not on Windows)
    except ImportError:
        return OpenFiles(None, needed)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return OpenFiles(None if hard == resource.RLIM_INFINITY else hard, needed)


def measure_clock(ahead_of_disk_s: float | None) -> Clock:
    """Ask the kernel about the clock, and compare it with the installation."""
    installed = Path(__file__).stat().st_mtime
    return Clock(ask_kernel_about_clock(), installed - time.time(), ahead_of_disk_s)


def ask_kernel_about_clock() -> bool | None:
    """Return whether the clock is synchronised; None if the kernel does not say."""
    if sys.platform != "linux":
        return None
    with suppress(OSError, AttributeError):
        question = ctypes.create_string_buffer(TIMEX_BYTES)  # all 0: nothing is changed
        state = int(ctypes.CDLL(None).adjtimex(question))
        return None if state < 0 else state != TIME_ERROR
    return None


def find_native() -> Native:
    """Find which of the compiled modules are in use."""
    modules = {
        "area averages": native.AREA,
        "JPEG": native.JPEG,
        "Lanczos": native.LANCZOS,
        "PNG": native.PNG,
        "PNG filters": native.PNG_FILTERS,
    }
    found = tuple(name for name, module in modules.items() if module is not None)
    return Native(found, tuple(name for name in modules if name not in found))


def read_text(path: Path) -> str:
    """Return the content of a file of the kernel; empty if there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def count_cores_of_machine() -> int:
    """Return the cores of the machine, whether they may be used or not."""
    return os.cpu_count() or 1
