"""What a file system raises -> an outcome of the object; what our own code raises stays a fault."""

from __future__ import annotations

from typing import Any

import fsspec
import pytest

from img2dataset.storage.objects import BadUrlError, ObjectReader, ReadLimits


def make_limits(reserve: Any) -> ReadLimits:
    return ReadLimits(most_bytes=1000, seconds_left=lambda: 10.0, reserve=reserve)


@pytest.fixture(autouse=True)
def an_object() -> None:
    fsspec.filesystem("memory").pipe_file("/bug/1.jpg", b"jpg")


def test_an_object_is_read() -> None:
    read = ObjectReader(1).read("memory://bug/1.jpg", make_limits(lambda _: None))
    assert read.data == b"jpg"


def test_an_error_of_a_library_is_an_error_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "_open", fail)
    with pytest.raises(ConnectionError, match="odd"):
        ObjectReader(1).read("memory://bug/1.jpg", make_limits(lambda _: None))


def test_a_value_error_of_a_library_is_a_bad_url(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("name")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "_open", fail)
    with pytest.raises(BadUrlError):
        ObjectReader(1).read("memory://bug/1.jpg", make_limits(lambda _: None))


def test_a_fault_of_our_own_is_no_outcome_of_an_object() -> None:
    broken = ReadLimits(most_bytes=1000, seconds_left=lambda: 10.0, reserve=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ObjectReader(1).read("memory://bug/1.jpg", broken)
