"""What is asked for again, what is not, and when."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from img2dataset.backoff import Backoff
from img2dataset.errors import TRANSIENT_HTTP, Reason
from img2dataset.fetch import Politeness
from tests.e2e.fetching import (
    CONFIG,
    UNHURRIED,
    ClosedPort,
    fetch,
    names,
    reasons,
    rows,
    running,
)
from tests.site import Site
from tests.site.loopback import listening

FINAL_HTTP = [400, 401, 403, 404, 405, 406, 410, 451, 501, 505, 531, 599]


QUICK = Politeness(retry=Backoff(0.01, jitter=1.0), rest=Backoff(0.01))


def test_statuses_that_may_pass_are_asked_again(site: Site) -> None:
    codes = sorted(TRANSIENT_HTTP)
    urls = [
        site.url(f"/flaky?fail=1&how={code}&token=again-{code}", host=f"n{code}.localhost")
        for code in codes
    ]
    assert reasons(*urls, retries=1, politeness=QUICK) == [None] * len(urls)
    assert [site.counts[f"again-{code}"] for code in codes] == [2] * len(codes)


def test_the_others_are_final(site: Site) -> None:
    urls = [site.url(f"/flaky?fail=1&how={code}&token=final-{code}") for code in FINAL_HTTP]
    assert reasons(*urls, retries=3, politeness=QUICK) == [Reason.HTTP_STATUS] * len(urls)
    assert [site.counts[f"final-{code}"] for code in FINAL_HTTP] == [1] * len(FINAL_HTTP)


@pytest.mark.parametrize("how", ["reset", "close", "truncate"])
def test_connections_that_break_are_tried_again(site: Site, how: str) -> None:
    url = site.url(f"/flaky?fail=2&how={how}&token={how}")
    assert reasons(url, retries=2, politeness=QUICK) == [None]
    assert site.counts[how] == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/silent", Reason.TIMEOUT),
        ("/stall", Reason.TOO_SLOW),
        ("/truncated", Reason.BODY_INCOMPLETE),
        ("/reset-body", Reason.CONNECTION_LOST),
        ("/status/503", Reason.HTTP_STATUS_TRANSIENT),
    ],
)
def test_only_as_often_as_asked_for(site: Site, path: str, reason: Reason) -> None:
    url = site.url(f"{path}?token=often")
    # on a busy machine the others must not run out of it
    timeout = {"/silent": 0.2, "/stall": 1.2}.get(path, 3)
    assert reasons(url, retries=2, timeout=timeout, politeness=QUICK) == [reason]
    assert len([each for each in site.asked(path) if "often" in each.target]) == 3


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/html", Reason.NOT_AN_IMAGE),
        ("/empty", Reason.BODY_EMPTY),
        ("/robots?tag=noai", Reason.OPTED_OUT),
        ("/huge-header", Reason.HEADER_TOO_LARGE),
        ("/redirect?n=11", Reason.TOO_MANY_REDIRECTS),
        ("/redirect-to?url=ftp://a.test/", Reason.BAD_REDIRECT),
        ("/redirect-to?url=http://10.0.0.1/", Reason.ADDRESS_NOT_ALLOWED),
        ("/endless", Reason.BODY_TOO_LARGE),
        ("/bad-gzip", Reason.BAD_ENCODING),
        ("/garbage", Reason.BAD_RESPONSE),
    ],
)
def test_answers_that_would_be_the_same_are_not_asked_for_again(
    site: Site, path: str, reason: Reason
) -> None:
    before = len(site.asked(path.partition("?")[0]))
    assert reasons(site.url(path), retries=3, politeness=QUICK) == [reason]
    asked = site.asked(path.partition("?")[0])[before:]
    assert len([each for each in asked if each.target == asked[0].target]) == 1


def test_a_port_that_opens_between_two_tries() -> None:
    with ClosedPort() as closed:
        sites: list[Site] = []

        class Meanwhile(Backoff):
            def delay(self, failures: int, chance: float | None = None) -> float:
                closed.free()
                sites.append(Site(port=closed.number).__enter__())
                return 0.0

        url = f"http://127.0.0.1:{closed.number}/image/1.jpg"
        try:
            assert reasons(url, retries=1, politeness=Politeness(retry=Meanwhile(1.0))) == [None]
        finally:
            for site in sites:
                site.__exit__(None, None, None)
    assert len(sites) == 1


def test_a_redirect_is_asked_again_from_its_beginning(site: Site) -> None:
    """And with all of its hops and its time."""
    assert reasons(site.url("/redirect?n=10&to=/flaky"), retries=1, politeness=QUICK) == [None]
    assert site.counts["/flaky"] == 2
    assert len([each for each in site.asked("/redirect") if "/flaky" in each.target]) == 20


@pytest.mark.slow
def test_every_try_has_as_much_time_and_no_more(site: Site) -> None:
    began = time.monotonic()
    url = site.url("/silent?token=time")
    assert reasons(url, retries=2, timeout=0.2, politeness=QUICK) == [Reason.TIMEOUT]
    assert time.monotonic() - began >= 0.6
    assert len([each for each in site.asked("/silent") if "=time" in each.target]) == 3


def test_tries_are_further_and_further_apart_and_not_all_at_the_same_time(site: Site) -> None:
    jittered = Politeness(retry=Backoff(0.1, jitter=1.0))
    urls = [
        site.url(f"/flaky?fail=1&how=reset&token=apart-{number}", host=f"n{number}.localhost")
        for number in range(40)
    ]
    # a try that times out would be one more: the server would not have failed yet
    assert reasons(*urls, retries=1, timeout=UNHURRIED, politeness=jittered) == [None] * 40
    waits = []
    for number in range(40):
        first, second = [each for each in site.requests if f"=apart-{number}&" in f"{each.target}&"]
        waits.append(second.time - first.time)
    assert max(waits) - min(waits) > 0.04  # "full jitter": anything from 0 to 0.1


@pytest.mark.slow
def test_what_waits_for_its_next_try_is_in_nobodys_way(site: Site) -> None:
    failing = [
        site.url("/flaky?fail=1&how=500", host=f"n{number}.localhost", token=f"way-{number}")
        for number in range(100)
    ]
    config = replace(CONFIG, thread_count=1, retries=1)
    with running(config, politeness=Politeness(retry=Backoff(3600.0))) as (engine, fetched):
        engine.submit(rows(*failing, site.url("/image/1.jpg")))
        fetched.until_count(1)
        assert [index for index, _ in fetched.outcomes] == [100]
        assert engine.in_flight == 0


# failures of each kind, as they are named in the end


@pytest.fixture
def secure() -> Iterator[Site]:
    with Site(tls=True) as running:
        yield running


def test_a_certificate_is_not_doubted_twice(secure: Site) -> None:
    never = Politeness(retry=Backoff(3600.0))
    url = secure.url("/image/1.jpg")
    assert reasons(url, retries=3, politeness=never) == [Reason.CERTIFICATE]


def test_a_tls_handshake_that_fails_is_tried_again() -> None:
    tries = []

    def answer(connection: socket.socket) -> None:
        tries.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(answer) as port:
        assert reasons(f"https://127.0.0.1:{port}/", retries=2, politeness=QUICK) == [Reason.TLS]
    assert len(tries) == 3


def test_ignored_certificates_are_ignored_for_names_too(secure: Site) -> None:
    with names(a="127.0.0.1") as (_, config):
        url = secure.url("/image/1.jpg", host="a.test")
        assert reasons(url, config=config) == [Reason.CERTIFICATE]
        assert reasons(url, config=config, ignore_ssl_certificate=True) == [None]


def test_a_redirect_from_http_to_https_is_checked_like_any(site: Site, secure: Site) -> None:
    url = site.url("/redirect-to", url=secure.url("/image/1.jpg"))
    assert reasons(url) == [Reason.CERTIFICATE]
    assert reasons(url, ignore_ssl_certificate=True) == [None]


def test_the_user_agent_is_what_the_user_says(site: Site) -> None:
    fetch(site.url("/image/200.jpg"), user_agent="Other/1.0 (mail@a.test)")
    assert site.asked("/image/200.jpg")[-1].headers["user-agent"] == "Other/1.0 (mail@a.test)"
