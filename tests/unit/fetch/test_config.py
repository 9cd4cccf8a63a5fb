from __future__ import annotations

import pytest

from img2dataset.fetch import user_agent
from img2dataset.version import VERSION

US = f"img2dataset/{VERSION}"
URL = "+https://github.com/rom1504/img2dataset"


@pytest.mark.parametrize(
    ("token", "contact", "expected"),
    [
        (None, None, f"{US} ({URL})"),
        ("mybot", None, f"{US} (compatible; mybot; {URL})"),
        (None, "me@a.org", f"{US} ({URL}; me@a.org)"),
        ("mybot", "https://a.org/bot", f"{US} (compatible; mybot; {URL}; https://a.org/bot)"),
    ],
)
def test_we_say_who_we_are_and_whom_to_write_to(
    token: str | None, contact: str | None, expected: str
) -> None:
    assert user_agent(token, None, contact) == expected


def test_a_replacement_replaces_all_of_it() -> None:
    assert user_agent("mybot", "curious/1.0", None) == "curious/1.0"
