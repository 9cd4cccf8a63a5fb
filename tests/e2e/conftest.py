"""What tests of whole runs share: sites."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

import pytest

from img2dataset.fetch.route import addresses
from img2dataset.fetch.route import router as way
from tests.site import Site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture(scope="module")
def secure_site() -> Iterator[Site]:
    with Site(tls=True) as running:
        yield running


@pytest.fixture
def fresh_site() -> Iterator[Site]:
    """One that nobody has asked for anything."""
    with Site() as running:
        yield running


@pytest.fixture
def one_private_address(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """127.0.0.1 stays private; 127.0.0.2 and so on play the addresses of the public Internet."""
    changed = [
        IPv4Network("127.0.0.1/32") if network.is_loopback else network
        for network in addresses.NOT_PUBLIC_4
    ]
    monkeypatch.setattr(addresses, "NOT_PUBLIC_4", changed)
    forget_addresses()
    yield
    forget_addresses()


def forget_addresses() -> None:
    addresses.is_public.cache_clear()
    way._may_ask.cache_clear()
