"""What a file system raises -> an outcome of the object; what our own code raises stays a fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry
from fsspec.utils import infer_storage_options

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


class Picky(MemoryFileSystem):  # type: ignore[misc]
    """As sftp: the server is named in the URL, and there is a client that refuses other options."""

    protocol = "picky"
    opened = 0

    def __init__(self, host: str, **options: Any) -> None:
        super().__init__(**options)
        Picky.opened += 1
        if options:
            raise TypeError(f"connect() got unexpected arguments {options} for {host}")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        options = infer_storage_options(path)
        return {name: options[name] for name in options if name not in ("path", "protocol")}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(infer_storage_options(path)["path"])


@pytest.fixture
def _picky() -> Iterator[None]:
    Picky.opened = 0
    fsspec.register_implementation("picky", Picky, clobber=True)
    yield
    _registry.pop("picky")


@pytest.mark.usefixtures("_picky")
def test_a_file_system_is_opened_with_no_option_that_it_may_not_know() -> None:
    """And once for all names: what is behind ? and # is a part of them."""
    reader = ObjectReader(1)
    for name in ("a.jpg", "a?b.jpg", "a?b#c?d.jpg", "a#b.jpg"):
        fsspec.filesystem("memory").pipe_file(f"/bug/{name}", name.encode())
        read = reader.read(f"picky://host/bug/{name}", make_limits(lambda _: None))
        assert read.data == name.encode()
    assert Picky.opened == 1


def test_listings_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bool] = []
    plain = MemoryFileSystem._open

    def look(self: Any, *args: Any, **options: Any) -> Any:
        kept.append(self.dircache.use_listings_cache)
        return plain(self, *args, **options)

    monkeypatch.setattr(MemoryFileSystem, "_open", look)
    ObjectReader(1).read("memory://bug/1.jpg", make_limits(lambda _: None))
    assert kept == [False]
