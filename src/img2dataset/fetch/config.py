"""How bytes are asked for: the fetch stage's own options, and how we introduce ourselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from img2dataset.fetch.urls import UrlRules
from img2dataset.options import Options, make_config
from img2dataset.options.choices import RobotsTxt
from img2dataset.options.url_schemes import WEB_SCHEMES
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
    """More attempts after a transient failure."""
    max_image_bytes: int
    user_agent: str
    """The whole header, see `user_agent`."""
    user_agent_token: str | None
    """Our name in X-Robots-Tag."""
    disallowed_header_directives: tuple[str, ...]
    """In lower case; none = X-Robots-Tag is not looked at."""
    ignore_ssl_certificate: bool
    first_connections_per_host: int = 16
    """Requests at once that a host sees at first; small servers drop what comes by hundreds."""
    max_connections_per_host: int | None = None
    """Requests at once that a host ever sees, from all processes of this machine."""
    min_delay_per_host: float = 0.0
    """Seconds between the starts of two requests to a host, from all processes of this machine."""
    shared_file: str | None = None
    """The file in which the processes of a run on this machine share their hosts; None = one process."""
    host_limit_share: int = 1
    """Workers that share the limits of a host without a common file: each keeps to its part of the
    numbers above, and of a robots.txt's Crawl-delay."""
    robots_txt: str = RobotsTxt.IGNORE
    respect_tdm_reservation: bool = True
    respect_content_usage: bool = True
    private_addresses: str = "listed"
    """allow, listed or deny."""
    dns_servers: tuple[str, ...] = ()
    """Addresses with optional ports; none = the system's."""
    drop_pages: bool = True
    """Whether a body that cannot be an image is dropped at its first bytes; not where its hash is
    to be compared, so that it counts as a mismatch."""
    save_fetch_metadata: bool = False
    """Whether bodies and failures carry a `records.ResponseInfo`."""
    save_opt_out_signals: bool = False
    """Whether bodies and failures carry the opt-out signals that came with them."""

    url_schemes: tuple[str, ...] = WEB_SCHEMES
    """Of the URLs that are fetched."""
    roots: tuple[str, ...] = ()
    """Beginnings of URLs that are fetched whatever their scheme: the folders that are the list."""

    @property
    def url_rules(self) -> UrlRules:
        """Which URLs are fetched."""
        return UrlRules(self.url_schemes, self.roots)

    @classmethod
    def of(
        cls,
        options: Options,
        *,
        shared_file: str | None = None,
        host_limit_share: int = 1,
        roots: Sequence[str] = (),
    ) -> FetchConfig:
        """Return the options of this stage; `shared_file`, `host_limit_share` and `roots` are the run's."""
        return make_config(
            cls,
            options,
            user_agent=user_agent(
                options.user_agent_token, options.user_agent, options.user_agent_contact
            ),
            disallowed_header_directives=normalize_directives(options.disallowed_header_directives),
            dns_servers=tuple(options.dns_servers or ()),
            drop_pages=options.verify_hash is None,
            shared_file=shared_file,
            host_limit_share=host_limit_share,
            url_schemes=options.allowed_schemes,
            roots=tuple(roots),
        )

    def for_one_worker(self) -> FetchConfig:
        """Return the config with this worker's part of the limits of a host, at least one."""
        most = self.max_connections_per_host
        return replace(
            self,
            first_connections_per_host=max(
                1, self.first_connections_per_host // self.host_limit_share
            ),
            max_connections_per_host=None
            if most is None
            else max(1, most // self.host_limit_share),
            min_delay_per_host=self.min_delay_per_host * self.host_limit_share,
        )


def normalize_directives(given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the X-Robots-Tag directives that refuse an image, in lower case."""
    if given is None:
        return DEFAULT_DIRECTIVES
    return tuple(directive.strip().lower() for directive in given)


def user_agent(token: str | None, replacement: str | None, contact: str | None = None) -> str:
    """Return the User-Agent header: name and version, the user's token, and a contact.

    `contact` = the user's own e-mail address or URL.  The project's URL is always there: some
    sites, Wikimedia's among them, refuse agents without a contact.
    """
    if replacement is not None:
        return replacement
    named = [] if token is None else ["compatible", token]
    comment = "; ".join([*named, f"+{CONTACT}", *([] if contact is None else [contact])])
    return f"img2dataset/{VERSION} ({comment})"
