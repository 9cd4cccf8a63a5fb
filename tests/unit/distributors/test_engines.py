"""What can be wrong with Spark and Ray before any work: one line that says what to do."""

from __future__ import annotations

import queue
import signal
from pathlib import Path
from typing import Any

import pytest

from img2dataset.distributors import Work, find_distributor
from img2dataset.distributors.cluster import check_version, check_workers, shorten_error
from img2dataset.distributors.ray import connect
from img2dataset.distributors.signals import keep_signal_handlers
from img2dataset.distributors.spark import OutcomeParam, check_java
from img2dataset.errors import MissingExtraError, OptionError

WORK = Work("tests.unit.distributors.workers:serve", 2, 1)


@pytest.mark.parametrize(("name", "package"), [("pyspark", "pyspark"), ("ray", "ray")])
def test_a_missing_library_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setattr("img2dataset.distributors.cluster.find_spec", lambda _: None)

    with (
        pytest.raises(
            MissingExtraError, match=rf"distributor={name} .*pip install 'img2dataset\[{package}\]'"
        ),
        find_distributor(name)(WORK),
    ):
        pass


@pytest.mark.parametrize("home", [None, "/no/such/folder"])
def test_a_missing_java_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str | None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if home is None:
        monkeypatch.delenv("JAVA_HOME", raising=False)
    else:
        monkeypatch.setenv("JAVA_HOME", home)

    with pytest.raises(OptionError, match="Spark needs Java, and there is none: install a JRE"):
        check_java()


def test_java_is_found_where_java_home_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()

    check_java()


def test_an_engine_does_not_keep_the_handlers_it_sets() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with keep_signal_handlers():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) == before


def test_mail_is_collected_abroad_and_delivered_at_home() -> None:
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    home = OutcomeParam(inbox)
    make, values = home.__reduce__()
    abroad = make(*values)

    sent = abroad.addInPlace(abroad.addInPlace(abroad.zero(()), ("a",)), ("b",))
    assert sent == ("a", "b")
    assert home.addInPlace((), sent) == ()
    assert [inbox.get_nowait(), inbox.get_nowait()] == ["a", "b"]


def test_a_cluster_that_is_not_there_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")

    with pytest.raises(OptionError, match=r"no cluster answers at RAY_ADDRESS=127\.0\.0\.1:9"):
        connect(None, 1)


def test_workers_without_img2dataset_are_refused_with_the_page_that_helps() -> None:
    def ask() -> str:
        raise RuntimeError("No module named 'img2dataset'")

    with pytest.raises(
        OptionError,
        match="distributor is 'ray': its workers cannot run img2dataset: No module named "
        r"'img2dataset'; see docs/ray\.md",
    ):
        check_workers("ray", "docs/ray.md", ask, (RuntimeError,))


def test_another_version_on_the_cluster_is_refused() -> None:
    with pytest.raises(OptionError, match=r"workers have img2dataset 1\.0"):
        check_version("1.0")


def test_pages_of_traces_become_a_line() -> None:
    error = RuntimeError(
        "Job aborted: Task 0 failed 4 times\n  at org.apache\nTraceback:\n  File\n"
        "ModuleNotFoundError: No module named 'img2dataset'\n\n  at java\n"
    )

    assert shorten_error(error) == (
        "Job aborted: Task 0 failed 4 times (ModuleNotFoundError: No module named 'img2dataset')"
    )
    assert shorten_error(RuntimeError()) == "RuntimeError"
