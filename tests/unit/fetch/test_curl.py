from __future__ import annotations

import threading

import pytest

from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.curl import Transfers, honour_http_proxy

CONFIG = FetchConfig(
    thread_count=2,
    timeout=1,
    retries=0,
    max_image_bytes=1000,
    user_agent="test",
    user_agent_token=None,
    disallowed_directives=(),
    verify_tls=True,
)


def test_http_proxy_in_capitals_counts_outside_cgi() -> None:
    environment = {"HTTP_PROXY": "http://proxy:1"}
    honour_http_proxy(environment)
    assert environment["http_proxy"] == "http://proxy:1"


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"},
        {"HTTP_PROXY": "http://other:1", "http_proxy": "http://proxy:1"},
        {"HTTP_PROXY": ""},
        {},
    ],
)
def test_otherwise_it_does_not(environment: dict[str, str]) -> None:
    before = dict(environment)
    honour_http_proxy(environment)
    assert environment == before


def test_a_poke_ends_a_wait_that_would_be_for_ever() -> None:
    transfers: Transfers[int] = Transfers(CONFIG, kept_open=2)
    for _ in range(3):
        poker = threading.Thread(target=transfers.poke)
        poker.start()
        assert transfers.wait(None) == []
        poker.join()
    transfers.close()


def test_a_poke_before_the_wait_is_not_lost() -> None:
    transfers: Transfers[int] = Transfers(CONFIG, kept_open=2)
    for _ in range(3):
        transfers.poke()
        transfers.poke()
        assert transfers.wait(None) == []
    transfers.close()


def test_nobody_minds_a_poke_after_the_end() -> None:
    transfers: Transfers[int] = Transfers(CONFIG, kept_open=2)
    transfers.close()
    transfers.poke()
