"""A command -> what it and all its descendants used: time, CPU, memory (Linux only).

CPU time is what the kernel says of processes that were waited for.  This process makes itself the
reaper of orphans, so that a worker whose parent is gone is counted too.  The sum of the samples
is kept beside it as a check: if it is higher, some process was not waited for.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_EVERY = 0.05
LOOK_FOR_CHILDREN_EVERY = 5
"""In samples: walking through all processes costs more than reading a few."""
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = 1 / os.sysconf("SC_CLK_TCK")
GRACE = 2.0
"""Seconds for what ends by itself when the command has ended."""
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources that a process tree used, in seconds and bytes."""

    exit_code: int
    wall: float
    cpu: float
    """User and system time of every process that was waited for."""
    cpu_seen: float
    """The same, as far as the samples saw it: a little less than `cpu` if all is well."""
    cpu_of_parent: float
    """That of the command's own process, as far as the samples saw it."""
    peak_memory: int
    """Largest sum of the processes' PSS: shared pages are counted once."""
    peak_process: int
    """Largest RSS of a single process."""
    peak_threads: int
    """Most threads of a single process."""
    elsewhere: float
    """Share of the machine's CPU time that went to others than the tree and `helpers`."""
    left_behind: int
    """Processes of the tree that were still there when the command had ended (stopped since)."""


def measure(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    timeout: float,
    helpers: Sequence[int] = (),
) -> Usage:
    """Run `command` to its end; `helpers` are processes whose CPU is no disturbance."""
    become_reaper()
    own_children = frozenset(
        pid for pid, stat in all_processes().items() if stat.parent == os.getpid()
    )
    busy_before, helpers_before = busy_time(), cpu_of_trees(helpers)
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )
    sampler = Sampler(process.pid, own_children)
    watchdog = threading.Timer(timeout, process.kill)
    watchdog.start()
    sampler.start()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    busy = busy_time() - busy_before
    helping = cpu_of_trees(helpers) - helpers_before
    watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    sampler.stop()
    orphans, left_behind = reap(sampler.seen)
    cpu = used.ru_utime + used.ru_stime + orphans
    return Usage(
        exit_code=process.returncode,
        wall=wall,
        cpu=cpu,
        cpu_seen=sum(member.cpu for member in sampler.seen.values()),
        cpu_of_parent=sampler.seen[process.pid].cpu if process.pid in sampler.seen else 0.0,
        peak_memory=sampler.peak_memory,
        peak_process=sampler.peak_process,
        peak_threads=sampler.peak_threads,
        elsewhere=max(0.0, (busy - cpu - helping) / (wall * (os.cpu_count() or 1))),
        left_behind=left_behind,
    )


@dataclass(slots=True)
class Member:
    """A process of the tree, known by its pid and the time it began (pids come again)."""

    began: int
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/PID/stat."""

    parent: int
    session: int
    cpu: float
    threads: int
    began: int


@dataclass
class Sampler:
    """Samples the process tree of `root` every 50 ms until it is stopped."""

    root: int
    own_children: frozenset[int]
    """Our children that have nothing to do with it: the site."""
    seen: dict[int, Member] = field(default_factory=dict)
    peak_memory: int = 0
    peak_process: int = 0
    peak_threads: int = 0
    _peak_rss: int = 0
    _rounds: int = 0

    def start(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()
        self._find_members()  # what has only now become an orphan

    def _run(self) -> None:
        while True:
            if self._rounds % LOOK_FOR_CHILDREN_EVERY == 0:
                self._find_members()
            self._sample()
            self._rounds += 1
            if self._done.wait(SAMPLE_EVERY):
                return

    def _find_members(self) -> None:
        for pid, stat in all_processes().items():
            if pid not in self.seen and self._belongs(pid, stat):
                self.seen[pid] = Member(stat.began)

    def _belongs(self, pid: int, stat: Stat) -> bool:
        orphan = stat.parent == os.getpid() and pid not in self.own_children
        return orphan or self.root in (pid, stat.session) or stat.parent in self.seen

    def _sample(self) -> None:
        living = []
        for pid, member in self.seen.items():
            stat = read_stat(pid)
            if stat is not None and stat.began == member.began:
                member.cpu = stat.cpu
                self.peak_threads = max(self.peak_threads, stat.threads)
                living.append(pid)
        resident = [resident_memory(pid) for pid in living]
        self.peak_process = max([self.peak_process, *resident])
        # PSS costs the kernel a walk through the page tables: only when it may be a new peak
        if sum(resident) > 1.02 * self._peak_rss or self._rounds % 20 == 0:
            self._peak_rss = max(self._peak_rss, sum(resident))
            self.peak_memory = max(self.peak_memory, sum(map(proportional_memory, living)))


def become_reaper() -> None:
    """Make orphaned descendants children of this process, so that it can wait for them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def reap(seen: Mapping[int, Member]) -> tuple[float, int]:
    """Wait for processes that the command left behind; return their CPU time and how many had to be stopped."""
    deadline = time.monotonic() + GRACE
    cpu, stopped = 0.0, 0
    for pid in [pid for pid, member in seen.items() if is_orphan(pid, member)]:
        gone, _, used = os.wait4(pid, os.WNOHANG)
        while gone == 0 and time.monotonic() < deadline:
            time.sleep(SAMPLE_EVERY)
            gone, _, used = os.wait4(pid, os.WNOHANG)
        if gone == 0:
            stopped += 1
            os.kill(pid, signal.SIGKILL)
            _, _, used = os.wait4(pid, 0)
        cpu += used.ru_utime + used.ru_stime
    return cpu, stopped


def is_orphan(pid: int, member: Member) -> bool:
    """True if it is still the same process, and now a child of this one."""
    stat = read_stat(pid)
    return stat is not None and stat.began == member.began and stat.parent == os.getpid()


def all_processes() -> dict[int, Stat]:
    """Return every process, oldest first, so that parents come before children."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    stats = {pid: read_stat(pid) for pid in pids}
    found = {pid: stat for pid, stat in stats.items() if stat is not None}
    return dict(sorted(found.items(), key=lambda item: item[1].began))


def read_stat(pid: int) -> Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    cpu = (int(fields[11]) + int(fields[12])) * TICK
    parent, session, threads, began = (int(fields[n]) for n in (1, 3, 17, 19))
    return Stat(parent=parent, session=session, cpu=cpu, threads=threads, began=began)


def resident_memory(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0


def proportional_memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def cpu_of_trees(roots: Sequence[int]) -> float:
    """Return the CPU time so far of these processes and their children."""
    stats = all_processes()
    return sum(stat.cpu for pid, stat in stats.items() if pid in roots or stat.parent in roots)


def busy_time() -> float:
    """Return the CPU time of the whole machine, without idle time and waits."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) * TICK
