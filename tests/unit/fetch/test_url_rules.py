"""Which URLs of a list are fetched, and which schemes may be allowed at all."""

from __future__ import annotations

import pytest
from fsspec.registry import known_implementations

from img2dataset.errors import OptionError, Reason, RowError
from img2dataset.fetch.urls import UrlRules
from img2dataset.messages import find_reason
from img2dataset.options import Options
from img2dataset.options.url_schemes import (
    NEVER_ALLOWED,
    SCHEMES_OF_SERVERS,
    WEB_SCHEMES,
    make_refusal_label,
)

STORES = {
    "abfs", "adl", "az", "box", "dbfs", "dropbox", "file", "gcs", "gdrive", "gs", "hf",
    "lakefs", "local", "memory", "msc", "oci", "ocilake", "oss", "s3", "s3a", "tos", "tosfs", "wandb",
}  # fmt: skip
"""Whose URLs name no server: the user's configuration does."""


def refusal(rules: UrlRules, url: str) -> RowError:
    with pytest.raises(RowError) as caught:
        rules.make_fetchable(url)
    return caught.value


def test_every_scheme_that_fsspec_knows_is_judged() -> None:
    """One that is new has to be put where it belongs."""
    judged = STORES | NEVER_ALLOWED | SCHEMES_OF_SERVERS | set(WEB_SCHEMES)

    assert set(known_implementations) - judged == set()
    assert not STORES & (NEVER_ALLOWED | SCHEMES_OF_SERVERS)


def test_servers_may_be_named_only_where_every_address_is_allowed() -> None:
    for scheme in SCHEMES_OF_SERVERS:
        with pytest.raises(OptionError, match="private_addresses=allow only"):
            Options("x", url_schemes=[scheme])
        Options("x", url_schemes=[scheme], private_addresses="allow")
    for scheme in NEVER_ALLOWED:
        with pytest.raises(OptionError, match="leads to other URLs"):
            Options("x", url_schemes=["http", scheme], private_addresses="allow")


def test_the_folder_that_is_the_list_is_allowed_and_nothing_beside_it() -> None:
    rules = UrlRules(roots=("file:///photos/", "s3://bucket/p/"))

    for url in ("file:///photos/a/b.jpg", "s3://bucket/p/..a.jpg", "file:///photos/a..b/c.jpg"):
        assert rules.make_fetchable(url) == url
    for url in (
        "file:///photos2/a.jpg", "file:///photos/../etc/passwd", "file:///photos/a/..",
        "s3://bucket/other", "file:///etc/passwd", "/photos/a.jpg",
    ):  # fmt: skip
        assert refusal(rules, url).reason in {Reason.SCHEME_NOT_ALLOWED, Reason.URL_INVALID}


def test_a_refusal_names_the_schemes_that_are_allowed_and_is_found_again() -> None:
    assert refusal(UrlRules(), "s3://b/k").label == ""  # the reason's own, as it was always stored
    label = refusal(UrlRules(("http", "https", "s3")), "gs://b/k").label

    assert label == make_refusal_label(("http", "https", "s3"))
    assert label == "URL scheme not allowed: http, https and s3 only"
    assert find_reason(label) is find_reason("<urlopen error unknown url type: s3>")
    assert find_reason(label) is Reason.SCHEME_NOT_ALLOWED


def test_a_web_scheme_that_is_left_out_is_refused() -> None:
    rules = UrlRules(("https", "s3"))

    assert rules.make_fetchable("https://a.org/x") == "https://a.org/x"
    assert rules.make_fetchable("S3://b/K%20?#") == "s3://b/K%20?#"
    assert refusal(rules, "http://a.org/x").reason is Reason.SCHEME_NOT_ALLOWED
