"""What all tests share: on CI a skipped test is a failed one, and the quick run makes no slow ones."""

from __future__ import annotations

import gc
import inspect
import os
import re
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from tests.stores.proxy import nothing

if TYPE_CHECKING:
    from tests.stores.s3 import S3Server

# fewer examples where a developer waits for them than on CI.  A busy machine is no failure
ALL = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", ALL, max_examples=10)
# the same examples each time: what CI finds is of the change, and can be seen again
settings.register_profile("all", ALL, max_examples=25, derandomize=True)
settings.load_profile("all" if os.environ.get("IMG2DATASET_NO_SKIPS") else "quick")

# everything that tests ask for is on this machine
for variable in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
    os.environ.pop(variable, None)
    os.environ.pop(variable.upper(), None)

# A shell gives background jobs an ignored SIGINT, which our children would inherit.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Each process of the quick run would import the modules of slow tests and make their tests, only to
# deselect them: that took as long as a third of the tests.
SLOW_MODULE = re.compile(r"^pytestmark = (?:\[[^]]*)?pytest\.mark\.slow\b", re.MULTILINE)


def is_quick(config: pytest.Config) -> bool:
    """True if no slow test will run."""
    return bool(config.option.markexpr == "not slow")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over modules all of whose tests are slow."""
    if not (is_quick(config) and collection_path.name.startswith("test_")):
        return None
    return True if SLOW_MODULE.search(collection_path.read_text("utf-8")) else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> list[Any] | None:
    """Make no tests of functions that are slow as a whole."""
    if not (is_quick(collector.config) and inspect.isfunction(obj)):
        return None
    slow = any(mark.name == "slow" for mark in getattr(obj, "pytestmark", ()))
    return [] if slow else None


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make no tests of cases that are slow.  What this leaves is deselected, as ever."""
    calls = metafunc._calls
    quick = [call for call in calls if all(mark.name != "slow" for mark in call.marks)]
    if quick and is_quick(metafunc.config):
        calls[:] = quick


def pytest_collection_finish() -> None:
    """The tests and their modules stay to the end: no collection of garbage goes through them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _no_wait_for_the_disk() -> Iterator[None]:
    """What the processes of the tests write need not survive a power cut; theirs alone: the runs
    that they start do all that a run does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True)
def _empty_memory() -> Iterator[None]:
    """Nothing is left in fsspec's memory: every look at a file there goes through all of them."""
    yield
    if memory := sys.modules.get("fsspec.implementations.memory"):
        memory.MemoryFileSystem.store.clear()
        memory.MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One for all tests of a process: to start one takes longer than most of them."""
    from s3fs import S3FileSystem  # noqa: PLC0415  (an extra, for few tests)

    from tests.stores.s3 import S3Server  # noqa: PLC0415

    with S3Server() as running:
        yield running
    S3FileSystem.clear_instance_cache()  # they would outlive it


@pytest.fixture
def server(s3_server: S3Server) -> Iterator[S3Server]:
    """The same, with a good connection at first."""
    s3_server.proxy.rule = nothing
    yield s3_server
    s3_server.proxy.rule = nothing


@pytest.fixture
def s3_environment(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds the server."""
    for variable, value in server.environment.items():
        monkeypatch.setenv(variable, value)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of a folder in the bucket of the server."""
    words = "".join(c if c.isalnum() else "-" for c in request.node.name)[-60:].strip("-")
    return f"{words}-{uuid4().hex[:8]}"


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
