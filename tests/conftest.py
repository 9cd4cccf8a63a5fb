"""What all tests share: on CI a skipped test is a failed one."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# fewer examples where a developer waits for them; CI tries them all.  A busy machine is no failure
ALL = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", ALL, max_examples=20)
settings.register_profile("all", ALL, max_examples=150)
settings.load_profile("all" if os.environ.get("IMG2DATASET_NO_SKIPS") else "quick")

# everything that tests ask for is on this machine
for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

# A shell gives background jobs an ignored SIGINT, which our children would inherit.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    if (
        report.skipped
        and os.environ.get("IMG2DATASET_NO_SKIPS")
        and not hasattr(report, "wasxfail")
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped, and IMG2DATASET_NO_SKIPS is set: {report.longrepr}"
    return report
