from __future__ import annotations

from img2dataset.fetch import user_agent
from img2dataset.version import VERSION


def test_we_say_who_we_are() -> None:
    assert user_agent(None, None) == f"img2dataset/{VERSION}"


def test_a_token_comes_with_an_address_for_complaints() -> None:
    assert user_agent("mybot", None) == (
        f"img2dataset/{VERSION} (compatible; mybot; +https://github.com/rom1504/img2dataset)"
    )


def test_a_replacement_replaces_all_of_it() -> None:
    assert user_agent("mybot", "curious/1.0") == "curious/1.0"
