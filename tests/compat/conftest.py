"""The runs of runs.py as fixtures: each is made once, when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.compat.old_tool import OldTool, started
from tests.compat.runs import MAKERS
from tests.site import Site


def made(name: str) -> Any:
    @pytest.fixture(scope="session", name=name)
    def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
        return MAKERS[name](tmp_path_factory.mktemp(name))

    return run


rich, recorded, boxed, untouched, commanded, manners = (made(name) for name in MAKERS)


@pytest.fixture(scope="session")
def old_tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OldTool]:
    with started(tmp_path_factory.mktemp("old") / "said") as tool:
        yield tool


@pytest.fixture
def fresh_site() -> Iterator[Site]:
    """One that nobody has asked for anything."""
    with Site() as running:
        yield running
