"""A system that has nothing of POSIX or Linux that we know how to use but need not have.

Stands on the PYTHONPATH of a whole run: Python imports it at the start of every process.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import sysconfig
import time
from types import ModuleType

MODULES = ("fcntl", "resource", "termios", "pwd", "grp", "syslog")
GONE: dict[ModuleType, tuple[str, ...]] = {
    os: ("sysconf", "sched_getaffinity", "getuid", "sync", "fork", "waitid"),
    select: ("epoll", "poll"),
    signal: ("setitimer", "SIGPROF", "SIGALRM"),
    time: ("pthread_getcpuclockid",),
}

sysconfig.get_config_vars()  # which it reads from a file that is named after the platform
sys.platform = "freebsd14"  # for macOS and Windows the library under it has other modules
for name in MODULES:
    sys.modules[name] = None  # type: ignore[assignment]  # "import of fcntl halted"
for module, names in GONE.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
