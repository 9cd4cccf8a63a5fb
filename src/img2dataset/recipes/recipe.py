"""What is known of a published list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Status(Enum):
    """Whether the list can be downloaded with this tool."""

    AVAILABLE = "available"
    GONE = "gone"
    NO_DOWNLOAD_NEEDED = "no download needed"
    OWN_TOOL_NEEDED = "own tool needed"


@dataclass(frozen=True, slots=True)
class Survival:
    """How much of a list could be downloaded."""

    share: str
    when: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A published list.  Facts that nobody has checked at their source are named in `believed`."""

    name: str
    title: str
    about: str
    status: Status = Status.AVAILABLE
    rows: int | None = None
    """Of the list."""
    images: int | None = None
    """Distinct ones, where rows share images, or a row has several."""
    list_size: str = ""
    """On disk, of the list itself."""
    disk: str = ""
    """Of the dataset, as its publisher says."""
    licence: str = ""
    terms: str = ""
    """Address where they must be accepted first."""
    success: tuple[Survival, ...] = ()
    """Newest first."""
    expected: tuple[float, float] | None = None
    """Share of the images that a run gets now: lowest and highest."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Published name -> Arrow type; text files have strings.  Of the rows in `nested`, if any."""
    header: bool = True
    """Whether a text file names its columns in its first line."""
    nested: str = ""
    """The column that holds the rows, of a list that nests them."""
    outer_columns: Mapping[str, str] = field(default_factory=dict)
    """Beside `nested`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the run: the list's, and those that its publisher uses."""
    notes: tuple[str, ...] = ()
    instead: str = ""
    """What to do where there is nothing to download."""
    believed: frozenset[str] = frozenset()
    """Names of fields above; "list" is where the list is."""


@dataclass(frozen=True, slots=True)
class Book:
    """All recipes, and the names that mean several."""

    recipes: Mapping[str, Recipe]
    groups: Mapping[str, tuple[str, ...]]
