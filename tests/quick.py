"""Long tables of cases -> a few that `make test` runs; `make test-all` runs them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def few_quick(cases: Iterable[Any], every: int = 5) -> list[Any]:
    """`cases` of one parameter each, of which only every so-maniest is quick."""
    return [
        pytest.param(case, marks=() if number % every == 0 else pytest.mark.slow)
        for number, case in enumerate(cases)
    ]
