"""How bytes are asked for: the fetch stage's own options, and how we introduce ourselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from img2dataset.options import Options, config_of
from img2dataset.options.choices import RobotsTxt
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
    max_per_host: int | None = None
    """Requests at once that a host ever sees, from all processes of this machine."""
    min_delay: float = 0.0
    """Seconds between the starts of two requests to a host, from all processes of this machine."""
    shared_file: str | None = None
    """Where the processes of a run on this machine note what they do to a host; None = alone."""
    host_limit_share: int = 1
    """Workers like this one, each for itself, that share what may be asked of a host: each keeps
    to its part of the numbers above, and of a robots.txt's Crawl-delay."""
    respect_robots_txt: bool = False
    respect_tdm_reservation: bool = True
    respect_content_usage: bool = True
    private_addresses: str = "listed"
    """allow, listed or deny."""
    dns_servers: tuple[str, ...] = ()
    """Addresses with optional ports; none = the system's."""
    drop_pages: bool = True
    """Whether a body that cannot be an image is dropped at its first bytes; not where its hash is
    to be compared, so that it counts as a mismatch."""
    keep_fetched: bool = False
    """Whether bodies and failures say how they came (records.Fetched)."""
    keep_signals: bool = False
    """Whether bodies and failures say which opt-out signals came with them."""

    @classmethod
    def of(
        cls, options: Options, *, shared_file: str | None = None, host_limit_share: int = 1
    ) -> FetchConfig:
        """The part of the options that says how bytes are asked for; `shared_file` and `host_limit_share`
        are the run's."""
        return config_of(
            cls,
            options,
            user_agent=user_agent(
                options.user_agent_token, options.user_agent, options.user_agent_contact
            ),
            disallowed_directives=directives(options.disallowed_header_directives),
            verify_tls=not options.ignore_ssl_certificate,
            max_per_host=options.max_connections_per_host,
            min_delay=options.min_delay_per_host,
            respect_robots_txt=options.robots_txt == RobotsTxt.RESPECT,
            dns_servers=tuple(options.dns_servers or ()),
            drop_pages=options.verify_hash is None,
            keep_fetched=options.save_fetch_metadata,
            keep_signals=options.save_opt_out_signals,
            shared_file=shared_file,
            host_limit_share=host_limit_share,
        )

    @property
    def first_here(self) -> int:
        """Our part of `first_per_host`; nobody can do with less than one."""
        return max(1, self.first_per_host // self.host_limit_share)

    @property
    def most_here(self) -> int | None:
        """Our part of `max_per_host`."""
        return (
            None
            if self.max_per_host is None
            else max(1, self.max_per_host // self.host_limit_share)
        )


def directives(given: Sequence[str] | None) -> tuple[str, ...]:
    """X-Robots-Tag directives that refuse an image, in lower case."""
    if given is None:
        return DEFAULT_DIRECTIVES
    return tuple(directive.strip().lower() for directive in given)


def user_agent(token: str | None, replacement: str | None, contact: str | None = None) -> str:
    """The User-Agent header: our name and version, the user's token, and whom to write to.

    `contact` = the user's own e-mail address or URL.  The project's URL is always there: some
    sites, Wikimedia's among them, refuse agents that name nobody.
    """
    if replacement is not None:
        return replacement
    named = [] if token is None else ["compatible", token]
    comment = "; ".join([*named, f"+{CONTACT}", *([] if contact is None else [contact])])
    return f"img2dataset/{VERSION} ({comment})"
