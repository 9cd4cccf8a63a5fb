"""What is known of a URL on its way."""

from __future__ import annotations

from img2dataset.fetch.attempt import Attempt
from img2dataset.records import Row

URL = "http://a:8080/1.jpg"


def test_it_goes_where_redirects_lead_and_begins_again_at_the_listed_url() -> None:
    attempt = Attempt.at(URL, 10.0)
    attempt.go_to("https://b/2.jpg")
    attempt.go_to("https://c/3.jpg")
    attempt.left -= 7.0
    assert (attempt.hops, attempt.url, attempt.origin.name) == (2, "https://c/3.jpg", "https://c")
    assert (attempt.listed, attempt.listed_host) == (URL, "a")

    attempt.failures += 1
    attempt.begin_again(10.0)
    assert (attempt.hops, attempt.url, attempt.origin.name) == (0, URL, "http://a:8080")
    assert attempt.left == 10.0
    assert attempt.failures == 1, "that it failed before is not forgotten"


def test_it_is_somebodys_if_a_row_wants_it_or_it_is_a_robots_txt() -> None:
    attempt = Attempt.at(URL, 10.0)
    assert attempt.is_only_probe
    attempt.robots_of = "http://a:8080"
    assert not attempt.is_only_probe
    other = Attempt.at(URL, 10.0)
    other.rows.append(Row(0, 0, "0", URL, {}))
    assert not other.is_only_probe
    assert attempt.is_only_probe is False


def test_two_attempts_share_nothing_and_are_not_equal() -> None:
    one, other = Attempt.at(URL, 10.0), Attempt.at(URL, 10.0)
    assert one.rows is not other.rows
    assert one != other
