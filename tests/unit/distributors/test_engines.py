"""What can be wrong with Spark and Ray before any work: one line that says what to do."""

from __future__ import annotations

import queue
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from img2dataset.distributors import Work, find_distributor
from img2dataset.distributors.ray import connect
from img2dataset.distributors.signals import handlers_kept
from img2dataset.distributors.spark import Mail, check_java
from img2dataset.errors import MissingExtraError, OptionError

WORK = Work("tests.unit.distributors.workers:serve", 2, 1)


@pytest.mark.parametrize(("name", "package"), [("pyspark", "pyspark"), ("ray", "ray")])
def test_a_missing_library_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    module = find_distributor(name).__module__
    monkeypatch.setattr(sys.modules[module], "find_spec", lambda _: None)

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
    with handlers_kept():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) == before


def test_mail_is_collected_abroad_and_delivered_at_home() -> None:
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    home = Mail(inbox)
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
