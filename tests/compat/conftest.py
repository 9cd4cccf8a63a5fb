"""The runs of runs.py as fixtures: each is made once, when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.compat.runs import MAKERS
from tests.site import Site


def made(name: str) -> Any:
    @pytest.fixture(scope="session", name=name)
    def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
        return MAKERS[name](tmp_path_factory.mktemp(name))

    return run


rich, recorded, boxed, untouched, commanded, manners = (made(name) for name in MAKERS)


@pytest.fixture
def fresh_site() -> Iterator[Site]:
    """One that nobody has asked for anything."""
    with Site() as running:
        yield running
