"""What owners say of robots and of training: robots.txt, tdmrep.json and headers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from img2dataset.errors import Reason
from img2dataset.fetch.attempt import MAX_SIGNALS
from img2dataset.fetch.policy.robots import MAX_ROBOTS_BYTES
from img2dataset.records import Body, Failure
from tests.e2e.fetching import CONFIG, different, fetch, names, reasons, rows, running
from tests.site import Site

RESPECT = replace(CONFIG, robots_txt="respect")
NOTHING = "/say?text=User-agent: *%0ADisallow: /"
NOT_AVAILABLE = Reason.ROBOTS_TXT_UNAVAILABLE


def says(*lines: str) -> str:
    """The page with these lines."""
    return f"/say?text={quote(chr(10).join(lines))}"


@pytest.fixture
def page(site: Site) -> Iterator[Callable[[str], str]]:
    """A path -> its URL at the site; each test starts without any robots.txt."""
    site.requests.clear()
    site.robots_txt.clear()
    site.tdmrep.clear()
    yield site.url
    site.robots_txt.clear()
    site.tdmrep.clear()


# robots.txt


def test_it_is_not_asked_for_unless_it_is_to_be_respected(
    site: Site, page: Callable[[str], str]
) -> None:
    site.robots_txt["127.0.0.1"] = NOTHING
    assert reasons(page("/image/1.jpg")) == [None]
    assert site.asked("/robots.txt") == []


def test_it_is_asked_for_once_by_all_rows_and_before_them(
    site: Site, page: Callable[[str], str]
) -> None:
    site.robots_txt["127.0.0.1"] = says("User-agent: *", "Disallow: /status/")
    urls = [*different(page("/image/1.jpg"), 30), page("/status/404"), page("/statues")]
    expected = [*[None] * 30, Reason.ROBOTS_TXT, Reason.HTTP_STATUS]
    assert reasons(*urls, config=RESPECT) == expected
    assert site.requests[0].path == "/robots.txt"
    assert site.requests[0].headers["user-agent"] == CONFIG.user_agent
    assert len(site.asked("/robots.txt")) == 1
    assert site.asked("/status/404") == []


def test_every_origin_has_its_own(site: Site, page: Callable[[str], str]) -> None:
    site.robots_txt["b.test"] = NOTHING
    with Site() as other, names(a="127.0.0.1", b="127.0.0.1") as (_, config):
        other.robots_txt["127.0.0.1"] = NOTHING
        urls = [
            page("/image/1.jpg"),
            site.url("/image/1.jpg", host="a.test"),
            site.url("/image/1.jpg", host="b.test"),
            other.url("/image/1.jpg"),
        ]
        expected = [None, None, Reason.ROBOTS_TXT, Reason.ROBOTS_TXT]
        assert reasons(*urls, config=config, robots_txt="respect") == expected
        assert len(site.asked("/robots.txt")) == 3
        assert [request.path for request in other.requests] == ["/robots.txt"]


@pytest.mark.parametrize("instead", ["/status/404", "/status/403", "/status/410", "/empty"])
def test_where_there_is_none_everything_is_allowed(
    site: Site, page: Callable[[str], str], instead: str
) -> None:
    site.robots_txt["127.0.0.1"] = instead
    assert reasons(page("/image/1.jpg"), config=RESPECT) == [None]


UNAVAILABLE = [
    "/status/500",
    "/status/503",
    "/status/429",
    "/silent",
    "/reset",
    "/close",
    "/garbage",
    "/drip?every=5",
    f"/hanging?start={NOTHING.partition('=')[2]}",
    "/reset-body",
    "/truncated",
    "/bad-chunked",
    "/bad-gzip",
    "/redirect-to?url=/silent",
    "/redirect-to?url=http://[bad",
    "/redirect-to?url=ftp://127.0.0.1/",
    "/redirect-to?url=http://127.0.0.1:1/",
    "/redirect-to?url=http://127.0.0.2/",
    "/redirect-to?url=http://nobody.invalid/",
]


@pytest.mark.slow
@pytest.mark.usefixtures("page")
def test_where_it_cannot_be_had_nothing_is_asked_for(site: Site) -> None:
    hosts = {f"n{number}.localhost": path for number, path in enumerate(UNAVAILABLE)}
    site.robots_txt.update(hosts)
    site.robots_txt["127.0.0.1"] = NOTHING
    urls = [site.url(f"/image/{n}.jpg", host=host) for host in hosts for n in range(2)]
    with names() as (server, _):
        outcomes = reasons(*urls, config=RESPECT, timeout=0.5, dns_servers=(server.address,))
    became = dict(zip(UNAVAILABLE, zip(outcomes[::2], outcomes[1::2], strict=True), strict=True))
    assert became == dict.fromkeys(UNAVAILABLE, (NOT_AVAILABLE, NOT_AVAILABLE))
    assert not [request for request in site.requests if request.path.startswith("/image/")]


@pytest.mark.slow
def test_a_failure_that_passes_does_not_keep_a_whole_host_out(
    site: Site, page: Callable[[str], str]
) -> None:
    site.robots_txt["127.0.0.1"] = "/flaky?fail=1&how=reset&token=robots"
    assert reasons(page("/image/1.jpg"), config=RESPECT, retries=1) == [None]


def test_redirects_to_it_are_followed_even_to_other_hosts(
    site: Site, page: Callable[[str], str]
) -> None:
    site.robots_txt["a.localhost"] = NOTHING
    with names(a="127.0.0.1") as (_, config):
        elsewhere = site.url("/robots.txt", host="a.localhost")
        site.robots_txt["a.test"] = f"/redirect-to?url={elsewhere}"
        site.pages["robots"] = "User-agent: *\nDisallow: /"
        site.robots_txt["127.0.0.1"] = "/redirect?n=5&to=/kept/robots"
        urls = [site.url("/image/1.jpg", host="a.test"), page("/image/1.jpg")]
        outcomes = reasons(*urls, config=config, robots_txt="respect")
    assert outcomes == [Reason.ROBOTS_TXT] * 2


def test_a_redirect_of_it_to_a_private_address_is_not_followed(
    site: Site, page: Callable[[str], str]
) -> None:
    site.robots_txt["localhost"] = f"/redirect-to?url={page('/secret')}"
    url = site.url("/image/1.jpg", host="localhost")
    assert reasons(url, config=RESPECT) == [NOT_AVAILABLE]
    assert site.asked("/secret") == []


def test_more_redirects_than_five_lead_to_no_rules(site: Site, page: Callable[[str], str]) -> None:
    site.pages["robots"] = "User-agent: *\nDisallow: /"
    site.robots_txt["127.0.0.1"] = "/redirect?n=6&to=/kept/robots"
    assert reasons(page("/image/1.jpg"), config=RESPECT) == [None]
    assert site.asked("/kept/robots") == []


def test_it_counts_for_where_a_redirect_leads_too(site: Site, page: Callable[[str], str]) -> None:
    site.robots_txt["127.0.0.1"] = says("User-agent: *", "Disallow: /secret")
    assert reasons(page("/redirect-to?url=/secret"), config=RESPECT) == [Reason.ROBOTS_TXT]
    assert len(site.asked("/robots.txt")) == 1
    assert site.asked("/secret") == []


def test_our_own_group_counts_more_than_that_for_everyone(
    site: Site, page: Callable[[str], str]
) -> None:
    for_all = ["User-agent: *", "Disallow: /"]
    for_the_tool = ["User-agent: img2dataset", "Disallow: /image/"]
    for_us = ["User-agent: otherbot", "User-agent: MyBot/2.0", "Allow: /"]
    urls = [page("/image/1.jpg"), page("/status/404")]
    refused, found = Reason.ROBOTS_TXT, Reason.HTTP_STATUS
    for groups, expected in [
        (for_all, [refused, refused]),
        (for_all + for_the_tool, [refused, found]),
        (for_all + for_the_tool + for_us, [None, found]),
    ]:
        site.robots_txt["127.0.0.1"] = says(*groups)
        assert reasons(*urls, config=RESPECT) == expected


@pytest.mark.parametrize("page_of_it", ["/endless", "/bulk?size=30000000"])
def test_of_a_huge_one_the_beginning_is_read(
    site: Site, page: Callable[[str], str], page_of_it: str
) -> None:
    site.robots_txt["127.0.0.1"] = page_of_it
    config = replace(RESPECT, max_image_bytes=64_000_000)
    assert reasons(page("/image/1.jpg"), config=config) == [None]
    sent = site.asked("/robots.txt")[0].body_bytes
    assert sent < MAX_ROBOTS_BYTES + 12_000_000  # buffers of the system


def test_rules_beyond_the_cap_do_not_count_and_those_before_it_do(
    site: Site, page: Callable[[str], str]
) -> None:
    comment = "#" * 79
    lines = [comment] * (MAX_ROBOTS_BYTES // 80 + 10)
    for groups, expected in [
        (["User-agent: *", "Disallow: /image/", *lines], [Reason.ROBOTS_TXT]),
        ([*lines, "User-agent: *", "Disallow: /image/"], [None]),
    ]:
        site.pages["robots"] = "\n".join(groups)
        site.robots_txt["127.0.0.1"] = "/kept/robots"
        assert reasons(page("/image/1.jpg"), config=RESPECT) == expected


def test_a_small_limit_for_images_is_none_for_it(site: Site, page: Callable[[str], str]) -> None:
    site.robots_txt["127.0.0.1"] = says("#" * 3000, "User-agent: *", "Disallow: /image/")
    config = replace(RESPECT, max_image_bytes=2000)
    assert reasons(page("/image/1.jpg"), config=config) == [Reason.ROBOTS_TXT]


@pytest.mark.slow
@pytest.mark.parametrize("ours", [0.0, 0.01])
def test_the_delay_it_asks_for_is_left_between_requests(
    site: Site, page: Callable[[str], str], ours: float
) -> None:
    """Whether we would leave a shorter one anyway or not."""
    site.robots_txt["127.0.0.1"] = says("User-agent: *", "Crawl-delay: 0.15")
    urls = different(page("/image/1.jpg"), 4)
    assert reasons(*urls, config=RESPECT, min_delay_per_host=ours) == [None] * 4
    asked = site.asked("/image/1.jpg")
    assert asked[-1].time - asked[0].time > 0.9 * 3 * 0.15


def test_a_delay_holds_up_no_other_host(site: Site, page: Callable[[str], str]) -> None:
    site.robots_txt["localhost"] = says("User-agent: *", "Crawl-delay: 30")
    slow = different(site.url("/image/1.jpg", host="localhost"), 10)
    with running(replace(RESPECT, thread_count=2)) as (engine, fetched):
        engine.submit(rows(*slow, *different(page("/image/1.jpg"), 20)))
        fetched.until_count(21)
        assert len(site.asked("/robots.txt")) == 2
        assert engine.in_flight == 0


# headers


def test_a_refusal_on_the_way_counts(site: Site, page: Callable[[str], str]) -> None:
    urls = [
        page("/redirect?header=X-Robots-Tag: noai"),
        page("/redirect?n=2&header=X-Robots-Tag: mybot: noimageai"),
        page("/redirect?header=X-Robots-Tag: otherbot: noai"),
    ]
    assert reasons(*urls) == [Reason.OPTED_OUT, Reason.OPTED_OUT, None]
    assert len(site.asked("/image/0.jpg")) == 1


def test_the_tools_own_name_counts_beside_the_users(page: Callable[[str], str]) -> None:
    url = page("/image/1.jpg?header=X-Robots-Tag: img2dataset: noai")
    assert reasons(url) == [Reason.OPTED_OUT]
    assert reasons(url, user_agent_token=None) == [Reason.OPTED_OUT]


def test_directives_are_those_of_the_config(page: Callable[[str], str]) -> None:
    url = page("/image/1.jpg?header=X-Robots-Tag: noml")
    assert reasons(url) == [None]
    assert reasons(url, disallowed_header_directives=("noml",)) == [Reason.OPTED_OUT]


def test_a_reservation_is_respected_unless_that_is_switched_off(
    site: Site, page: Callable[[str], str]
) -> None:
    urls = [
        page("/image/1.jpg?header=tdm-reservation: 1&header=tdm-policy: https://a.test/p.json"),
        page("/redirect?header=TDM-Reservation:1"),
        page("/bulk?size=900000&header=tdm-reservation: 1"),
        page("/image/1.jpg?header=tdm-reservation: 0"),
    ]
    refused = Reason.TDM_RESERVED
    assert reasons(*urls) == [refused, refused, refused, None]
    assert site.asked("/image/0.jpg") == []
    assert reasons(*urls, respect_tdm_reservation=False) == [None] * 4


def test_a_usage_is_respected_unless_that_is_switched_off(
    site: Site, page: Callable[[str], str]
) -> None:
    urls = [
        page("/image/1.jpg?header=Content-Usage: train-ai=n"),
        page("/image/1.jpg?header=content-usage: search=y, train-ai=n;x=1"),
        page("/redirect?header=Content-Usage: train-ai=n"),
        page("/image/1.jpg?header=Content-Usage: train-ai=y&header=Content-Usage: train-ai=n"),
        page("/image/1.jpg?header=Content-Usage: train-ai=y"),
        page("/image/1.jpg?header=Content-Usage: search=n"),
        page("/image/1.jpg?header=Content-Usage: train-ai no"),
    ]
    refused = Reason.CONTENT_USAGE
    assert reasons(*urls) == [refused, refused, refused, refused, None, None, None]
    assert site.asked("/image/0.jpg") == []
    assert reasons(*urls, respect_content_usage=False) == [None] * 7


# what robots.txt and tdmrep.json say of training


@pytest.mark.parametrize(
    "line", ["Content-Signal: search=yes,ai-train=no", "Content-Usage: /image/ train-ai=n"]
)
def test_training_may_be_forbidden_where_fetching_is_not(
    site: Site, page: Callable[[str], str], line: str
) -> None:
    site.robots_txt["127.0.0.1"] = says("User-agent: *", "Allow: /", line)
    assert reasons(page("/image/1.jpg")) == [None], "robots.txt is not looked at"
    assert reasons(page("/image/1.jpg"), config=RESPECT) == [Reason.ROBOTS_TXT_TRAINING]
    assert len(site.asked("/image/1.jpg")) == 1
    usage_only = [None if "Usage" in line else Reason.ROBOTS_TXT_TRAINING]
    config = replace(RESPECT, respect_content_usage=False)
    assert reasons(page("/image/1.jpg"), config=config) == usage_only


RESERVED = '/say?type=application/json&text=[{"location":"/image/","tdm-reservation":1}]'


def test_tdmrep_json_is_asked_for_once_after_robots_txt(
    site: Site, page: Callable[[str], str]
) -> None:
    site.tdmrep["127.0.0.1"] = RESERVED
    urls = [*different(page("/image/1.jpg"), 20), page("/exif/1.jpg")]
    assert reasons(*urls, config=RESPECT) == [Reason.TDMREP] * 20 + [None]
    assert [request.path for request in site.requests][:2] == [
        "/robots.txt",
        "/.well-known/tdmrep.json",
    ]
    assert len(site.asked("/.well-known/tdmrep.json")) == 1


def test_a_header_beats_tdmrep_json(site: Site, page: Callable[[str], str]) -> None:
    site.tdmrep["127.0.0.1"] = RESERVED
    urls = [
        page("/image/1.jpg?header=tdm-reservation: 0"),
        page("/image/1.jpg?header=tdm-reservation: 1"),
        page("/image/1.jpg"),
    ]
    expected = [None, Reason.TDM_RESERVED, Reason.TDMREP]
    assert reasons(*urls, config=RESPECT) == expected


def test_tdmrep_json_counts_for_where_a_redirect_leads(
    site: Site, page: Callable[[str], str]
) -> None:
    site.tdmrep["127.0.0.1"] = RESERVED
    url = page("/redirect?to=/image/1.jpg")
    assert reasons(url, config=RESPECT) == [Reason.TDMREP]


@pytest.mark.parametrize(
    "answer", ["/status/404", "/status/500", "/html", "/reset", "/redirect-loop", "/silent"]
)
def test_where_there_is_no_tdmrep_json_nothing_is_reserved(
    site: Site, page: Callable[[str], str], answer: str
) -> None:
    site.tdmrep["127.0.0.1"] = answer
    assert reasons(page("/image/1.jpg"), config=RESPECT) == [None]


def test_tdmrep_json_may_lie_elsewhere(site: Site, page: Callable[[str], str]) -> None:
    site.pages["tdmrep"] = '[{"location": "/", "tdm-reservation": 1}]'
    site.tdmrep["127.0.0.1"] = "/redirect?n=3&to=/kept/tdmrep"
    assert reasons(page("/image/1.jpg"), config=RESPECT) == [Reason.TDMREP]


def test_tdmrep_json_is_not_asked_for_where_it_does_not_count(
    site: Site, page: Callable[[str], str]
) -> None:
    site.tdmrep["127.0.0.1"] = RESERVED
    assert reasons(page("/image/1.jpg")) == [None]
    config = replace(RESPECT, respect_tdm_reservation=False)
    assert reasons(page("/image/1.jpg"), config=config) == [None]
    site.robots_txt["127.0.0.1"] = says("User-agent: *", "Disallow: /.well-known/")
    assert reasons(page("/image/1.jpg"), config=RESPECT) == [None]
    assert site.asked("/.well-known/tdmrep.json") == []


# signals that are kept


def test_every_signal_of_the_way_is_kept_if_asked_for(
    site: Site, page: Callable[[str], str]
) -> None:
    site.robots_txt["127.0.0.1"] = says(
        "User-agent: *", "Content-Signal: search=yes, ai-train=yes", "Content-Usage: /x train-ai=n"
    )
    site.tdmrep["127.0.0.1"] = (
        '/say?text=[{"location":"/","tdm-reservation":0,"tdm-policy":"https://a.test/p"}]'
    )
    url = page(
        "/redirect?header=X-Robots-Tag: noarchive"
        "&to=/image/1.jpg?header=Content-Usage: search=n%26header=X-Robots-Tag: noai"
    )
    files = (
        "robots.txt:content-signal=search=yes, ai-train=yes",
        "tdmrep.json:tdm-reservation=0",
        "tdmrep.json:tdm-policy=https://a.test/p",
    )
    (outcome,) = fetch(url, config=RESPECT, save_opt_out_signals=True)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.OPTED_OUT
    assert outcome.signals == (
        *files,
        "x-robots-tag=noarchive",
        "content-usage=search=n",
        "x-robots-tag=noai",
    )
    (outcome,) = fetch(
        url, config=RESPECT, save_opt_out_signals=True, disallowed_header_directives=()
    )
    assert isinstance(outcome, Body)
    assert outcome.signals[:3] == files
    (outcome,) = fetch(url, config=RESPECT)
    assert outcome.signals == ()


def test_what_forbids_a_url_is_kept_though_it_is_not_asked_for(
    site: Site, page: Callable[[str], str]
) -> None:
    site.robots_txt["127.0.0.1"] = says("User-agent: *", "Content-Signal: ai-train=no")
    (outcome,) = fetch(page("/image/1.jpg"), config=RESPECT, save_opt_out_signals=True)
    assert outcome.signals == ("robots.txt:content-signal=ai-train=no",)
    assert site.asked("/image/1.jpg") == []


def test_of_endless_signals_some_are_kept(page: Callable[[str], str]) -> None:
    lines = "".join(f"&header=X-Robots-Tag: bot{n}: {'x' * 30}" for n in range(300))
    (outcome,) = fetch(page(f"/image/1.jpg?{lines}"), save_opt_out_signals=True)
    assert len(outcome.signals) == MAX_SIGNALS


def test_every_refusal_has_a_name_of_its_own(site: Site, page: Callable[[str], str]) -> None:
    site.robots_txt["127.0.0.1"] = says("User-agent: *", "Disallow: /secret")
    site.robots_txt["localhost"] = "/status/500"
    outcomes = fetch(
        page("/secret"),
        site.url("/image/1.jpg", host="localhost"),
        page("/robots?tag=noai"),
        page("/image/1.jpg?header=tdm-reservation: 1"),
        config=RESPECT,
    )
    assert [outcome.label for outcome in outcomes if isinstance(outcome, Failure)] == [
        "disallowed by robots.txt",
        "robots.txt not available",
        "Use of image disallowed by X-Robots-Tag directive",
        "Use of image disallowed by tdm-reservation header",
    ]
