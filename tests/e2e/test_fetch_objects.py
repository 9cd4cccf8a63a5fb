"""URLs that are not on http: files, and objects of stores, through the engine."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from img2dataset.errors import Reason
from img2dataset.records import Body, Failure
from tests.e2e.fetching import CONFIG, UNHURRIED, Room, fetch, reason_of, rows, running
from tests.site import Site
from tests.stores.stand_ins import AsyncStandIn, Held, StandIn, registered

ALL = ("http", "https", "file", "memory", "standin", "astandin")
CONFIG_OF_ALL = replace(CONFIG, url_schemes=ALL, timeout=0.3)
NOBODY = 65534
BOTH = pytest.mark.parametrize("scheme", ["standin", "astandin"])


@pytest.fixture(autouse=True)
def stand_ins() -> Iterator[None]:
    with registered():
        yield


def put(scheme: str, path: str, data: bytes) -> str:
    """Store an object of a stand-in; its URL."""
    (StandIn if scheme == "standin" else AsyncStandIn).files[path] = data
    return f"{scheme}://{path}"


def messages(*urls: str | None, **changes: Any) -> list[str]:
    changes = {"url_schemes": ALL, "timeout": UNHURRIED, **changes}
    return [
        outcome.data.decode() if isinstance(outcome, Body) else outcome.message
        for outcome in fetch(*urls, **changes)
    ]


def test_objects_of_any_store_arrive_with_those_on_http(tmp_path: Path, site: Site) -> None:
    (tmp_path / "a b%20#?.jpg").write_bytes(b"file")
    (tmp_path / "c d.jpg").write_bytes(b"escaped")
    fsspec.filesystem("memory").pipe("/bucket/a b#?.jpg", b"memory")
    try:
        urls = [
            f"file://{tmp_path}/a b%20#?.jpg",
            f"FILE://localhost{tmp_path}/a b%20#?.jpg",
            (tmp_path / "c d.jpg").as_uri(),
            f"{tmp_path}/c d.jpg",
            "memory://bucket/a b#?.jpg",
            put("standin", "b/x", b"blocking"),
            put("astandin", "b/x", b"coroutine"),
        ]
        assert messages(*urls) == [
            "file", "file", "escaped", "escaped", "memory", "blocking", "coroutine"
        ]  # fmt: skip
        (body,) = fetch(site.url("/image/1.jpg"), url_schemes=ALL, timeout=UNHURRIED)
        assert isinstance(body, Body)
    finally:
        fsspec.filesystem("memory").rm("/bucket", recursive=True)


def test_other_schemes_fail_with_the_text_that_is_stored_since_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"secret")
    only_web = "URL scheme not allowed: http and https only"
    refused = [path.as_uri(), "s3://b/k", "memory://b/k", "simplecache::s3://b/k", "FILE:///a"]

    assert messages(*refused, url_schemes=("http", "https")) == [only_web] * 5
    assert messages(str(path), "", url_schemes=("http", "https")) == [
        "URL not valid", "URL missing"
    ]  # fmt: skip


def test_a_scheme_that_is_not_among_those_allowed_is_refused_with_their_names(site: Site) -> None:
    label = "URL scheme not allowed: memory and s3 only"

    assert messages(site.url("/image/1.jpg"), "file:///etc/passwd", url_schemes=("memory", "s3")) == [
        label, label
    ]  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "simplecache::file:///etc/passwd", "zip://a.jpg::file:///x.zip", "reference://a", "dir://a",
        "blockcache::http://127.0.0.1/", "ftp://127.0.0.1/a", "github://o:r@main/a.jpg",
    ],
)  # fmt: skip
def test_no_url_is_a_chain_or_reaches_what_is_not_allowed(url: str) -> None:
    (outcome,) = fetch(url, url_schemes=ALL)

    assert reason_of(outcome) in {Reason.SCHEME_NOT_ALLOWED, Reason.URL_INVALID}


def test_what_is_behind_the_scheme_is_a_path_and_no_other_url(
    tmp_path: Path, fresh_site: Site
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"secret")
    urls = [
        f"memory://x::file://{tmp_path}/a.jpg",
        f"memory://::{fresh_site.url('/image/1.jpg')}",
        f"standin://x::file://{tmp_path}/a.jpg",
    ]

    assert messages(*urls) == ["no such file or object"] * 3
    assert fresh_site.requests == []


def test_a_redirect_never_leads_to_another_scheme(tmp_path: Path, site: Site) -> None:
    (tmp_path / "a.jpg").write_bytes(b"secret")
    places = [f"file://{tmp_path}/a.jpg", "memory://b/k", "s3://b/k"]
    urls = [site.url(f"/redirect-to?url={place}") for place in places]

    reasons = [reason_of(one) for one in fetch(*urls, url_schemes=(*ALL, "s3"), timeout=UNHURRIED)]

    assert reasons == [Reason.BAD_REDIRECT] * 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to_fifo").symlink_to("fifo")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "empty").touch()
    (tmp_path / "file").write_bytes(b"data")
    (tmp_path / "link").symlink_to("file")
    names = ["fifo", "folder", "loop", "to_fifo", "dangling", "nothing", "empty", "link", "file/x"]
    urls = [f"file://{tmp_path}/{name}" for name in names]

    outcomes = messages(*urls, "file:///dev/zero", "file://host/share/a", "file://", "file:///a\0b")

    assert outcomes == [
        "not a regular file",
        "not a regular file",
        "not a regular file",
        "not a regular file",
        "no such file or object",
        "no such file or object",
        "body empty",
        "data",
        "no such file or object",
        "not a regular file",
        "no such file or object",
        "URL not valid",
        "URL not valid",
    ]


@pytest.fixture
def _not_root(tmp_path: Path) -> Iterator[None]:
    """Root may read all files; another user not even this folder."""
    assert tmp_path.exists()
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(user)


@pytest.mark.usefixtures("_not_root")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    assert messages(f"file://{tmp_path}/a") == ["file or object may not be read"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("busy", "HTTP Error 503: Service Unavailable"),
        ("status500", "HTTP Error 500: Internal Server Error"),
        ("status403", "file or object may not be read"),
        ("status418", "HTTP Error 418: I'm a Teapot"),
        ("reset", "connection lost"),
        ("forbidden", "file or object may not be read"),
        ("expired", "credentials expired"),
        ("odd", "connection lost"),
        ("value", "URL not valid"),
    ],
)
@BOTH
def test_errors_of_stores_are_reasons(scheme: str, name: str, message: str) -> None:
    assert messages(f"{scheme}://b/{name}-1") == [message]


@BOTH
def test_after_credentials_have_expired_the_store_is_opened_again(scheme: str) -> None:
    """So that credentials that were renewed outside are found."""
    kind = StandIn if scheme == "standin" else AsyncStandIn
    urls = [put(scheme, "b/1", b"x"), f"{scheme}://b/expired", put(scheme, "b/2", b"x")]
    with running(replace(CONFIG_OF_ALL, thread_count=1)) as (engine, fetched):
        for number, url in enumerate(urls):
            engine.submit(rows(url, start=number))
            fetched.until_count(number + 1)

    assert fetched.reasons == [None, Reason.CREDENTIALS_EXPIRED, None]
    assert kind.opened == {"": 2}


@BOTH
def test_after_a_connection_has_died_the_store_is_opened_again(scheme: str) -> None:
    kind = StandIn if scheme == "standin" else AsyncStandIn
    urls = [put(scheme, f"b/{name}", b"x") for name in ("1", "cut", "2", "3")]
    with running(replace(CONFIG_OF_ALL, thread_count=1, timeout=UNHURRIED)) as (engine, fetched):
        for number, url in enumerate(urls):
            engine.submit(rows(url, start=number))
            fetched.until_count(number + 1)

    assert fetched.reasons == [None, Reason.CONNECTION_LOST, None, None]
    assert kind.opened == {"": 2}


@BOTH
@pytest.mark.parametrize(
    "name", ["failure", "reset", "busy", "forbidden", "odd", "status500", "status403", "missing"]
)
def test_a_store_that_says_no_to_objects_is_not_opened_again(scheme: str, name: str) -> None:
    kind = StandIn if scheme == "standin" else AsyncStandIn
    urls = [put(scheme, "b/1", b"x"), *(f"{scheme}://b/{name}-{number}" for number in range(3))]

    fetch(*urls, url_schemes=ALL, timeout=UNHURRIED, thread_count=1)

    assert kind.opened == {"": 1}


@BOTH
def test_an_error_that_no_store_causes_is_told_once(scheme: str) -> None:
    urls = [f"{scheme}://b/odd-{number}" for number in range(3)]
    with running(replace(CONFIG_OF_ALL, timeout=UNHURRIED)) as (engine, fetched):
        engine.submit(rows(*urls))
        fetched.until_count(3)

    (said,) = fetched.said
    assert said.startswith(f"{scheme}:// objects fail by an error of a library or of its options")
    assert said.endswith("KeyError: 'odd'")


@BOTH
def test_transient_errors_are_retried_and_others_are_not(scheme: str) -> None:
    for name in ("reset-once", "busy-once", "forbidden-once"):
        put(scheme, f"b/{name}", b"came")
    urls = [f"{scheme}://b/{name}" for name in ("reset-once", "busy-once", "forbidden-once")]

    assert messages(*urls, retries=1) == ["came", "came", "file or object may not be read"]


@BOTH
def test_large_objects_come_whole_and_larger_ones_than_allowed_do_not(scheme: str) -> None:
    data = bytes(range(256)) * 20_000  # 5 MB: more than is asked for at once
    url = put(scheme, "b/large", data)
    (whole,) = fetch(url, url_schemes=ALL, timeout=UNHURRIED, max_image_bytes=len(data))
    assert isinstance(whole, Body)
    assert whole.data == data

    large, small, empty, endless = fetch(
        url, put(scheme, "b/small", data[:3_000_001]), put(scheme, "b/empty", b""),
        f"{scheme}://b/endless", url_schemes=ALL, timeout=UNHURRIED, max_image_bytes=3_000_000,
    )  # fmt: skip
    assert reason_of(large) is reason_of(small) is reason_of(endless) is Reason.BODY_TOO_LARGE
    assert reason_of(empty) is Reason.BODY_EMPTY


def test_an_object_of_another_length_than_its_store_says_is_incomplete() -> None:
    url = put("astandin", "b/torn", bytes(2_500_000))

    outcomes = fetch(url, url_schemes=ALL, timeout=UNHURRIED, max_image_bytes=4_000_000)

    assert [reason_of(one) for one in outcomes] == [Reason.BODY_INCOMPLETE]


@pytest.mark.slow
@BOTH
def test_a_store_that_does_not_answer_costs_its_rows_their_time_and_no_others(scheme: str) -> None:
    """Threads that hang are replaced; what they read in counts until they return."""
    hanging = [f"{scheme}://b{number}/hang" for number in range(4)]
    good = [put("standin", f"good/{number}", b"came") for number in range(20)]
    with running(replace(CONFIG_OF_ALL, thread_count=2)) as (engine, fetched):
        engine.submit(rows(*hanging, *good))
        fetched.until_count(24)
        StandIn.release.set()
        fetched.until(lambda: engine.reserved_bytes == 0)

    assert fetched.reasons == [Reason.TIMEOUT] * 4 + [None] * 20
    if scheme == "astandin":
        assert sum(AsyncStandIn.cancelled.values()) == 4


@pytest.mark.slow
def test_no_more_threads_hang_than_there_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img2dataset.fetch.objects.transfers.MAX_STUCK_THREADS", 2)
    hanging = [f"standin://b{number}/hang" for number in range(2)]
    with running(CONFIG_OF_ALL) as (engine, fetched):
        engine.submit(rows(*hanging))
        fetched.until_count(2)
        engine.submit(rows(put("standin", "b/1", b"x"), start=2))
        fetched.until_count(3)
        assert fetched.reasons[2] is Reason.HOST_GIVEN_UP
        StandIn.release.set()
        fetched.until(lambda: engine.reserved_bytes == 0)
        engine.submit(rows(put("standin", "b/2", b"x"), start=3))
        fetched.until_count(4)
        assert fetched.reasons[3] is None


def test_objects_wait_for_memory_and_their_time_does_not_pass() -> None:
    """One may be beyond the limit; the other is opened, but not read before there is space."""
    urls = [put("standin", f"b/held{number}", bytes(900_000)) for number in range(2)]
    room = Room(free_bytes=1_200_000)
    with running(replace(CONFIG_OF_ALL, timeout=UNHURRIED), room) as (engine, fetched):
        engine.submit(rows(*urls))
        fetched.until(lambda: sum(StandIn.asked.values()) == 2 and Held.reading > 0)
        StandIn.release.set()
        fetched.until_count(2)

    assert fetched.reasons == [None, None]
    assert Held.most == 1


def test_nothing_is_read_while_the_next_stage_is_full(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    room = Room(full=True)
    with running(CONFIG_OF_ALL, room) as (engine, fetched):
        engine.submit(rows(f"file://{tmp_path}/a"))
        fetched.until(lambda: "1 at their host" in repr(engine))
        assert engine.in_flight == 0
        room.full = False
        engine.wake()
        fetched.until_count(1)


@BOTH
def test_a_bucket_sees_no_more_requests_at_once_than_a_host(scheme: str) -> None:
    urls = [put(scheme, f"b/{number}", b"x") for number in range(50)]
    with running(CONFIG_OF_ALL) as (engine, fetched):
        engine.submit(rows(*urls))
        fetched.until_count(50)
    assert fetched.reasons == [None] * 50

    most = fetch(*urls, url_schemes=ALL, max_connections_per_host=1, timeout=UNHURRIED)
    assert all(isinstance(one, Body) for one in most)


def test_an_object_that_is_under_way_is_not_asked_for_twice() -> None:
    url = put("standin", "b/same", b"x")

    outcomes = fetch(url, url, url, url_schemes=ALL, timeout=UNHURRIED)

    assert all(isinstance(one, Body) for one in outcomes)
    assert StandIn.asked["b/same"] < 3


@BOTH
def test_what_a_store_says_of_an_object_is_kept_if_asked_for(scheme: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    os.utime(tmp_path / "a", (0, 86_400))
    urls = [put(scheme, "b/x", b"data"), f"file://{tmp_path}/a", f"{scheme}://b/forbidden"]

    stored, local, failed = fetch(
        *urls, url_schemes=ALL, save_fetch_metadata=True, timeout=UNHURRIED
    )

    assert isinstance(stored, Body)
    assert isinstance(local, Body)
    assert isinstance(failed, Failure)
    assert stored.fetched is not None
    assert local.fetched is not None
    assert failed.fetched is not None
    assert (stored.fetched.etag, stored.fetched.body_bytes) == ('"e"', 4)
    assert stored.fetched.http_status is local.fetched.http_status is None
    assert local.fetched.last_modified == "Fri, 02 Jan 1970 00:00:00 GMT"
    assert stored.fetched.final_url == urls[0]
    assert failed.fetched.body_bytes is None


def test_an_engine_that_is_stopped_leaves_no_thread_that_reads(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with running(CONFIG_OF_ALL) as (engine, fetched):
        engine.submit(rows(f"file://{tmp_path}/a"))
        fetched.until_count(1)

    for thread in threading.enumerate():
        if thread.name.startswith("img2dataset-object"):
            thread.join(10)
            assert not thread.is_alive()
