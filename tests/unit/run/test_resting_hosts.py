"""Hosts that rest are remembered until their rest is over."""

from __future__ import annotations

from img2dataset.run.resting_hosts import RestingHosts
from img2dataset.tally import RestingHost


def test_a_rest_gets_shorter_and_ends() -> None:
    rests = RestingHosts()
    rests.see([RestingHost("a", 5, 10.0), RestingHost("b", 7, 30.0)], now=100.0)

    assert rests.left(105.0) == (RestingHost("b", 7, 25.0), RestingHost("a", 5, 5.0))
    assert rests.left(110.0) == (RestingHost("b", 7, 20.0),)
    assert rests.left(130.0) == ()


def test_hosts_that_have_rested_are_remembered_by_their_names() -> None:
    rests = RestingHosts()
    rests.see([RestingHost("http://a.example:8080", 5, 10.0)], now=100.0)

    assert rests.left(200.0) == ()
    assert rests.hosts == {"a.example"}


def test_what_is_said_last_counts() -> None:
    rests = RestingHosts()
    rests.see([RestingHost("a", 5, 10.0)], now=100.0)
    rests.see([RestingHost("a", 2, 3.0)], now=101.0)

    assert rests.left(101.0) == (RestingHost("a", 2, 3.0),)
