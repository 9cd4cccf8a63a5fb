"""The fetch engine against a misbehaving site: every failure has its reason, and costs no more
than its deadline."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from img2dataset.backoff import Backoff
from img2dataset.errors import Reason
from img2dataset.fetch import Engine, Politeness
from img2dataset.records import Body, Failure, Row
from tests.e2e.fetching import (
    CONFIG,
    PATIENCE,
    UNHURRIED,
    Collected,
    Outcome,
    Room,
    different,
    fetch,
    reason_of,
    rows,
    running,
)
from tests.site import CERTIFICATE, Site
from tests.site.loopback import listening
from tests.site.pictures import picture

GOOD = [
    "/image/1.jpg",
    "/image/2.png",
    "/image/3.webp",
    "/exif/6.jpg",
    "/no-length",
    "/chunked",
    "/gzip",
    "/encoded?as=utf-8",
    "/encoded?as=aws-chunked",
    "/encoded?as=gzip",
    "/encoded?as=compress",
    "/encoded?as=br",
    "/early-hints",
    "/slow?seconds=0.4",
    "/redirect",
    "/redirect?n=10",
    "/redirect?status=301",
    "/redirect?status=307",
    "/redirect?status=308",
    "/huge-header?size=50000",
    "/robots?tag=nofollow",
    "/robots?tag=otherbot:%20noai",
    "/image/1.jpg?header=X-Robots-Tag:%20all",
]

BAD = {
    "/html": Reason.NOT_AN_IMAGE,
    "/status/404": Reason.HTTP_STATUS,
    "/status/410?size=100000": Reason.HTTP_STATUS,
    "/status/403?header=X-Robots-Tag:%20noai": Reason.HTTP_STATUS,
    "/status/999": Reason.HTTP_STATUS,
    "/status/304": Reason.HTTP_STATUS,
    "/status/500": Reason.HTTP_STATUS_TRANSIENT,
    "/status/429": Reason.HTTP_STATUS_TRANSIENT,
    "/status/522": Reason.HTTP_STATUS_TRANSIENT,
    "/basic": Reason.HTTP_STATUS,
    "/no-location": Reason.HTTP_STATUS,
    "/204": Reason.BODY_EMPTY,
    "/status/205": Reason.BODY_EMPTY,
    "/empty": Reason.BODY_EMPTY,
    "/206": Reason.BODY_INCOMPLETE,
    "/truncated": Reason.BODY_INCOMPLETE,
    "/silent": Reason.TIMEOUT,
    "/slow-header": Reason.TIMEOUT,
    "/slow?seconds=5": Reason.TIMEOUT,
    "/redirect-to?url=/silent": Reason.TIMEOUT,
    "/endless?rate=100000": Reason.TIMEOUT,
    "/drip": Reason.TOO_SLOW,
    "/stall": Reason.TOO_SLOW,
    "/endless": Reason.BODY_TOO_LARGE,
    "/image/1.jpg?padding=1000000": Reason.BODY_TOO_LARGE,
    "/gzip?padding=1000000": Reason.BODY_TOO_LARGE,
    "/reset": Reason.CONNECTION_LOST,
    "/reset-body": Reason.CONNECTION_LOST,
    "/close": Reason.CONNECTION_LOST,
    "/bad-chunked": Reason.CONNECTION_LOST,
    "/garbage": Reason.BAD_RESPONSE,
    "/bad-gzip": Reason.BAD_ENCODING,
    "/huge-header": Reason.HEADER_TOO_LARGE,
    "/huge-header?size=150000": Reason.HEADER_TOO_LARGE,
    "/many-headers?size=280000": Reason.HEADER_TOO_LARGE,
    "/endless-header": Reason.HEADER_TOO_LARGE,
    "/redirect?n=11": Reason.TOO_MANY_REDIRECTS,
    "/redirect-loop": Reason.TOO_MANY_REDIRECTS,
    "/redirect-to?url=file:///etc/passwd": Reason.BAD_REDIRECT,
    "/redirect-to?url=ftp://127.0.0.1/x": Reason.BAD_REDIRECT,
    "/redirect-to?url=http://[bad": Reason.BAD_REDIRECT,
    "/redirect-to?url=/status/404": Reason.HTTP_STATUS,
    "/redirect-to?url=http://127.0.0.1:1/": Reason.CONNECT_FAILED,
    "/robots?tag=noai": Reason.OPTED_OUT,
    "/robots?tag=nofollow&tag=MyBot%20:%20noindex": Reason.OPTED_OUT,
    "/redirect?header=X-Robots-Tag:%20none": Reason.OPTED_OUT,
    "/redirect-to?url=/robots?tag=noimageai": Reason.OPTED_OUT,
}

ELSEWHERE = {
    "http://127.0.0.1:1/": Reason.CONNECT_FAILED,
    "http://no-such-host.invalid/": Reason.NO_SUCH_HOST,
    "file:///etc/passwd": Reason.SCHEME_NOT_ALLOWED,
    "no url": Reason.URL_INVALID,
    "http://a$b.invalid/": Reason.NO_SUCH_HOST,
    "": Reason.URL_MISSING,
}


def test_every_ending_has_its_reason_and_none_outlasts_the_timeout(site: Site) -> None:
    expected: dict[str, Reason | None] = dict.fromkeys(map(site.url, GOOD))
    expected |= {site.url(path): reason for path, reason in BAD.items()}
    expected |= ELSEWHERE
    waits = {url for url, reason in expected.items() if reason in (Reason.TIMEOUT, Reason.TOO_SLOW)}
    others = expected.keys() - waits

    outcomes = dict(zip(waits, fetch(*waits), strict=True))
    outcomes |= dict(zip(others, fetch(*others, timeout=UNHURRIED), strict=True))

    assert {url: reason_of(outcome) for url, outcome in outcomes.items()} == expected


def test_the_body_arrives_untouched(site: Site) -> None:
    urls = [site.url(path) for path in ("/image/7.png?padding=300000", "/gzip", "/chunked")]
    picture_0 = picture(0, "jpg")
    assert fetch(*urls) == [
        Body(picture(7, "png") + b"\0" * 300_000),
        Body(picture_0),
        Body(picture_0),
    ]


def test_a_row_that_cannot_be_asked_for_is_delivered_all_the_same() -> None:
    bad_line = Row(0, 0, "0", None, {}, problem="(line 7: a quote is not closed)")
    with running() as (engine, fetched):
        engine.submit([bad_line, *rows(None, start=1)])
        fetched.until_count(2)
    malformed, missing = (outcome for _, outcome in fetched.outcomes)
    assert isinstance(malformed, Failure)
    assert malformed.reason is Reason.MALFORMED_LINE
    assert malformed.message == "malformed input line (line 7: a quote is not closed)"
    assert reason_of(missing) is Reason.URL_MISSING


def test_error_strings_are_those_people_search_for(site: Site) -> None:
    outcomes = fetch(site.url("/status/404"), site.url("/robots?tag=noai"))
    assert [getattr(outcome, "label", None) for outcome in outcomes] == [
        "HTTP Error 404: Not Found",
        "Use of image disallowed by X-Robots-Tag directive",
    ]


def test_an_empty_list_of_directives_switches_the_check_off(site: Site) -> None:
    config = replace(CONFIG, disallowed_header_directives=())
    (outcome,) = fetch(site.url("/robots?tag=noai"), config=config)
    assert isinstance(outcome, Body)


# what is sent


def test_a_request_is_honest_and_asks_for_no_encoding(site: Site) -> None:
    fetch(site.url("/image/100.jpg"))
    (request,) = site.asked("/image/100.jpg")
    assert request.headers["user-agent"] == CONFIG.user_agent
    assert request.headers["accept-encoding"] == "identity"
    assert not request.headers.keys() & {"cookie", "authorization", "referer"}


@pytest.mark.parametrize(
    ("tail", "target"),
    [
        ("/text?a b=ü#fragment", "/text?a%20b=%C3%BC"),
        ("/text/é ø", "/text/%C3%A9%20%C3%B8"),
        ("/text?%zz'\"<>|^{}[]", "/text?%zz%27%22%3C%3E|^{}[]"),
        ("/text/a%2Fb;c=1,2!$&'()*+@:~", "/text/a%2Fb;c=1,2!$&'()*+@:~"),
    ],
)
def test_a_url_goes_out_as_a_browser_would_send_it(site: Site, tail: str, target: str) -> None:
    fetch(site.url("") + tail)
    assert site.requests[-1].target == target


def test_a_password_in_the_url_goes_to_its_host_only(site: Site) -> None:
    with Site() as other:
        path = f"/redirect-to?url={other.url('/image/1.jpg')}"
        fetch(
            site.url("/basic").replace("//", "//user:secret@", 1),
            site.url(path).replace("//", "//user:secret@", 1),
        )
        (leaked,) = other.requests
    assert site.asked("/basic")[-1].headers["authorization"].startswith("Basic ")
    assert site.asked("/redirect-to")[-1].headers["authorization"].startswith("Basic ")
    assert "authorization" not in leaked.headers


def test_cookies_are_not_kept(site: Site) -> None:
    fetch(site.url("/redirect?to=/image/101.jpg&header=Set-Cookie:%20a=b"))
    assert "cookie" not in site.asked("/image/101.jpg")[-1].headers


def test_passwords_of_the_user_stay_at_home(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login user password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    fetch(site.url("/image/105.jpg"))
    assert "authorization" not in site.asked("/image/105.jpg")[-1].headers


def test_connections_are_used_again(site: Site) -> None:
    before = site.connections
    config = replace(CONFIG, thread_count=4)
    fetch(*(site.url(f"/image/{n}.jpg") for n in range(40)), config=config)
    assert site.connections - before <= 4


def test_connections_survive_small_error_pages(site: Site) -> None:
    before = site.connections
    config = replace(CONFIG, thread_count=1)
    fetch(*(site.url(f"/status/404?n={n}") for n in range(10)), config=config)
    assert site.connections - before == 1


@pytest.mark.parametrize("header", ["X-Robots-Tag: noai", "X-Nothing: at all"])
def test_a_body_that_is_not_wanted_is_not_read(site: Site, header: str) -> None:
    fetch(site.url("/image/102.jpg?padding=50000000", header=header))
    assert site.asked("/image/102.jpg")[-1].body_bytes < 20_000_000  # buffers of the system


# proxies


def test_the_proxy_of_the_system_is_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.url(""))
    (outcome,) = fetch("http://nowhere.invalid/image/104.jpg")
    assert isinstance(outcome, Body)
    assert site.asked("/image/104.jpg")[-1].target == "http://nowhere.invalid/image/104.jpg"


def test_no_proxy_is_honoured(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (outcome,) = fetch(site.url("/image/1.jpg"))
    assert isinstance(outcome, Body)


# TLS


def test_a_certificate_nobody_knows_is_not_trusted(secure_site: Site) -> None:
    (outcome,) = fetch(secure_site.url("/image/1.jpg"))
    assert reason_of(outcome) is Reason.CERTIFICATE


def test_unless_certificates_are_to_be_ignored(secure_site: Site) -> None:
    config = replace(CONFIG, ignore_ssl_certificate=True)
    (outcome,) = fetch(secure_site.url("/image/1.jpg"), config=config)
    assert isinstance(outcome, Body)


def test_or_the_environment_says_to_trust_it(
    secure_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    by_address, by_name = fetch(
        secure_site.url("/image/1.jpg"), secure_site.url("/image/1.jpg", host="localhost")
    )
    assert isinstance(by_address, Body)
    assert isinstance(by_name, Body)


def test_https_to_a_server_that_does_not_speak_it_is_a_tls_error() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(answer) as port:
        (outcome,) = fetch(f"https://127.0.0.1:{port}/")
    assert reason_of(outcome) is Reason.TLS


@pytest.mark.slow
def test_a_host_that_does_not_take_connections_is_a_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as first:
        first.connect(server.getsockname())  # the queue is full now
        config = replace(CONFIG, timeout=0.3)
        (outcome,) = fetch(f"http://127.0.0.1:{server.getsockname()[1]}/", config=config)
    assert reason_of(outcome) is Reason.CONNECT_TIMEOUT


# retries


def test_what_may_pass_is_tried_again_and_nothing_else(site: Site) -> None:
    passing = [site.url("/flaky?fail=2", how=how, token=f"retry-{how}") for how in ("503", "reset")]
    lasting = [
        site.url("/flaky?fail=9&how=500&token=retry-lasting"),
        site.url("/flaky?fail=9&how=404&token=retry-404"),
        site.url("/robots?tag=noai&token=retry-refused"),
    ]
    quick = Politeness(retry=Backoff(0.02))
    outcomes = fetch(*passing, *lasting, retries=2, politeness=quick)
    assert [reason_of(outcome) for outcome in outcomes] == [
        None,
        None,
        Reason.HTTP_STATUS_TRANSIENT,
        Reason.HTTP_STATUS,
        Reason.OPTED_OUT,
    ]
    assert site.counts["retry-lasting"] == 3
    assert site.counts["retry-404"] == 1


def test_no_retries_means_one_request(site: Site) -> None:
    fetch(site.url("/flaky?fail=1&token=once"))
    assert site.counts["once"] == 1


@pytest.mark.slow
def test_a_server_that_names_a_time_is_obeyed_and_holds_nobody_up(site: Site) -> None:
    wishes = [
        site.url("/retry-after?seconds=1&token=wish-1"),
        site.url("/retry-after?seconds=2&form=date&status=503&token=wish-2", host="b.localhost"),
        site.url("/retry-after?seconds=3600&token=wish-3", host="c.localhost"),
    ]
    with running(replace(CONFIG, thread_count=1, retries=1)) as (engine, fetched):
        engine.submit(rows(*wishes, site.url("/image/1.jpg", host="d.localhost")))
        fetched.until_count(2)
        assert sorted(index for index, _ in fetched.outcomes) == [2, 3]
        assert engine.in_flight == 0
        fetched.until_count(4)
    outcomes = dict(fetched.outcomes)
    assert isinstance(outcomes[0], Body)
    assert isinstance(outcomes[1], Body)
    assert reason_of(outcomes[2]) is Reason.HTTP_STATUS_TRANSIENT
    first, second = (
        [request.time for request in site.requests if f"token={token}" in request.target]
        for token in ("wish-1", "wish-2")
    )
    assert first[1] - first[0] >= 1
    assert second[1] - second[0] >= 0.9  # a date is a whole second, rounded down


# the engine


@pytest.mark.slow
def test_never_more_in_flight_than_allowed(site: Site) -> None:
    seen: list[int] = []
    with running(replace(CONFIG, thread_count=5)) as (engine, fetched):

        def all_came() -> bool:
            seen.append(engine.in_flight)
            return len(fetched.outcomes) == 40

        engine.submit(rows(*different(site.url("/slow?seconds=0.02"), 40)))
        fetched.until(all_came)
    assert max(seen) <= 5


def test_nothing_starts_without_room_and_all_of_it_when_there_is(site: Site) -> None:
    asked = threading.Event()

    class Bell(Room):
        def __getattribute__(self, name: str) -> Any:
            if name == "full":
                asked.set()
            return super().__getattribute__(name)

    room = Bell(full=True)
    with running(room=room) as (engine, fetched):
        engine.submit(rows(*different(site.url("/image/1.jpg"), 30)))
        assert asked.wait(PATIENCE)
        assert engine.in_flight == 0
        room.full = False
        engine.wake()
        fetched.until_count(30)


@pytest.mark.slow
def test_room_that_appears_while_it_is_asked_for_does_not_hold_up_retries(site: Site) -> None:
    answers = cycle([True, False])

    class Flickering(Room):
        @property
        def full(self) -> bool:
            return next(answers)

        @full.setter
        def full(self, _value: bool) -> None: ...

    config = replace(CONFIG, thread_count=1, retries=1)
    with running(config, Flickering()) as (engine, fetched):
        engine.submit(rows(site.url("/retry-after?seconds=1&token=room"), None))
        fetched.until_count(2)


def test_rows_may_come_in_from_several_threads(site: Site) -> None:
    with running() as (engine, fetched):

        def submit(start: int) -> None:
            for n in range(20):
                engine.submit(rows(site.url("/image/1.jpg"), start=start + n))

        threads = [threading.Thread(target=submit, args=(100 * n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        fetched.until_count(100)
    assert len({index for index, _ in fetched.outcomes}) == 100


@pytest.mark.slow
def test_an_engine_with_nothing_to_do_uses_no_processor(site: Site) -> None:
    with running() as (engine, fetched):
        engine.submit(rows(*different(site.url("/image/1.jpg"), 10)))
        fetched.until_count(10)
        before = time.process_time()
        threading.Event().wait(0.3)  # the time that passes is what is tested
        assert time.process_time() - before < 0.1


def test_stop_abandons_what_is_in_flight(site: Site) -> None:
    began = time.monotonic()
    with running(replace(CONFIG, timeout=60, retries=3)) as (engine, fetched):
        engine.submit(rows(*different(site.url("/silent"), 50), site.url("/image/1.jpg")))
        fetched.until_count(1)
        engine.stop()
        engine.stop()
        engine.submit(rows(site.url("/image/1.jpg")))
        engine.wake()
    assert time.monotonic() - began < 5
    assert len(fetched.outcomes) == 1
    assert "img2dataset-fetch" not in [thread.name for thread in threading.enumerate()]


def test_an_engine_that_never_started_can_be_stopped() -> None:
    Engine(CONFIG, Collected().deliver, Room()).stop()


def test_a_bug_ends_the_thread_and_is_seen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[type[BaseException] | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type))

    def deliver(_row: Row, _outcome: Outcome) -> None:
        raise ZeroDivisionError

    engine = Engine(CONFIG, deliver, Room())
    engine.start()
    engine.submit(rows(site.url("/image/1.jpg")))
    engine._thread.join(PATIENCE)
    assert seen == [ZeroDivisionError]
    engine.stop()


@pytest.mark.slow
def test_two_thousand_at_once(site: Site) -> None:
    config = replace(CONFIG, thread_count=2000, timeout=30)
    outcomes = fetch(*different(site.url("/slow?seconds=1"), 4000), config=config)
    assert all(isinstance(outcome, Body) for outcome in outcomes)


def test_rows_that_a_host_cannot_take_yet_do_not_make_us_take_more(site: Site) -> None:
    """Another process may have them."""
    config = replace(CONFIG, timeout=60, first_connections_per_host=16)
    with running(config, politeness=Politeness(aside_wait_s=3600.0)) as (engine, fetched):
        engine.submit(rows(*different(site.url("/silent?token=taken"), 100)))
        fetched.until(lambda: engine.in_flight == 16)
        fetched.until(lambda: engine.waiting == 84)


@pytest.mark.slow
def test_a_host_that_does_not_answer_is_not_asked_by_all_at_once(site: Site) -> None:
    with running(replace(CONFIG, timeout=60, first_connections_per_host=16)) as (engine, fetched):
        path = site.url("/silent?token=gently")
        engine.submit(rows(*different(path, 100), site.url("/image/1.jpg", host="localhost")))
        fetched.until_count(1)  # another name: it does not wait behind the silent ones
        asked = [request for request in site.asked("/silent") if "gently" in request.target]
        assert engine.in_flight == 16
        assert len(asked) <= 16
        # those put aside do not keep other rows from coming for long
        fetched.until(lambda: engine.waiting == 0)
