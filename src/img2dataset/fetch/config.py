"""How bytes are asked for: the fetch stage's own options, and how we introduce ourselves."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.version import VERSION

DEFAULT_DIRECTIVES = ("noai", "noimageai", "noindex", "noimageindex")
"""X-Robots-Tag directives that refuse an image, unless the user says otherwise."""

CONTACT = "https://github.com/rom1504/img2dataset"


@dataclass(frozen=True, slots=True)
class FetchConfig:
    """How bytes are asked for."""

    thread_count: int
    """Transfers in flight."""
    timeout: float
    """Total seconds for one attempt at a URL, redirects included; a retry has as much again."""
    retries: int
    """More attempts after a failure that may pass."""
    max_image_bytes: int
    user_agent: str
    """The whole header, see `user_agent`."""
    user_agent_token: str | None
    """Our name in X-Robots-Tag."""
    disallowed_directives: tuple[str, ...]
    """In lower case; none = X-Robots-Tag is not looked at."""
    verify_tls: bool
    first_per_host: int = 16
    """Requests at once that a host sees at first; small servers drop what comes by hundreds."""


def user_agent(token: str | None, replacement: str | None) -> str:
    """The User-Agent header: our name and version, plus the user's token and where to complain."""
    if replacement is not None:
        return replacement
    name = f"img2dataset/{VERSION}"
    return name if token is None else f"{name} (compatible; {token}; +{CONTACT})"
