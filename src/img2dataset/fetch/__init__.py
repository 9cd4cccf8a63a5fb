"""Rows -> bodies: hundreds of requests in flight in one thread."""

from __future__ import annotations

from img2dataset.fetch.config import DEFAULT_DIRECTIVES, FetchConfig, user_agent
from img2dataset.fetch.delivery import Deliver, Room
from img2dataset.fetch.engine import Engine
from img2dataset.fetch.politeness import Politeness

__all__ = [
    "DEFAULT_DIRECTIVES",
    "Deliver",
    "Engine",
    "FetchConfig",
    "Politeness",
    "Room",
    "user_agent",
]
