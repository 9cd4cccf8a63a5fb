"""What all tests share: on CI a skipped test is a failed one."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest


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
