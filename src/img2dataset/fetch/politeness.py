"""How gently hosts and name servers are asked: every number of it, in one place.

A part of the fetch stage takes the whole record and reads the numbers that it needs, so that a
test passes in others instead of changing a module.  Users set the few of them that are options
(`FetchConfig`); these here are the same for every run.
"""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.backoff import Backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Politeness:
    """The numbers; times are in seconds."""

    # -- a URL: retries and redirects

    retry: Backoff = Backoff(first=0.5, longest=30.0, jitter=1.0)
    """Between two tries of a URL, if the server sends no Retry-After.  With "full jitter", so that requests
    which failed together do not come back together."""
    max_retry_after_s: float = 60.0
    """A server that asks for more in Retry-After is not asked again in this run."""
    max_redirects: int = 10
    min_loop_redirects: int = 4
    """As many of them, and back to a host that was asked before, may be a loop."""
    max_robots_redirects: int = 5
    """For a robots.txt, as RFC 9309 has it."""
    min_request_s: float = 0.05
    """With less time left a URL is not asked for."""

    # -- a host: how many requests at once

    growth: float = 0.25
    """More at once for each good answer: a quarter more each round, 16 become 256 in 13 rounds.
    Doubling, as TCP does, overran a server with a queue of 5 before its first late answer came."""
    slow_first_byte_s: float = 0.5
    """A first byte that comes earlier is never a sign of trouble."""
    slow_factor: float = 5.0
    """Times its quickest first byte that a host may take."""
    halving_interval_s: float = 1.0
    """Between two halvings: what was in flight at the first has the same cause."""
    bad_level: Backoff = Backoff(first=30.0, longest=600.0)
    """How long a host is kept below the number at which it refused with 429 or 503."""
    shared_slot_poll: Backoff = Backoff(first=0.02, longest=0.5)
    """Between two looks whether another process has given back a slot."""

    # -- a host: rests

    rest: Backoff = Backoff(first=1.0, longest=30.0)
    """How long a host is left alone that refuses without Retry-After, or that fails."""
    min_503_refusals: int = 3
    """A 503 may be the trouble of one URL; as many in a row mean the host."""

    # -- a host: when it is given up

    max_consecutive_failures: int = 8
    """Failures in a row, without any answer, after which a host is tried singly."""
    max_trials: int = 3
    """Single tries that may fail too, after rests, before it is given up."""
    give_up: Backoff = Backoff(first=60.0, longest=600.0)
    """How long a host is given up before it is tried again."""
    min_cost_unit_s: float = 5.0
    """The unit of a host's cost is `timeout`, or this if that is less: ordinary rests of a few
    seconds are not worth giving up a host."""
    unproven_units: float = 0.5
    """What a host may cost that has not given one good answer."""
    max_credit_units: float = 6
    """What good answers can earn, so that a host that worked may ask for a minute's rest."""
    main_host_units: float = 18
    """What a host may cost that has at least `main_host_share` of the rows."""
    main_host_share: float = 0.5
    min_fruitless: int = 3
    """Attempts without a good answer before cost alone counts: one may be bad luck."""

    # -- what is remembered of hosts

    max_hosts: int = 100_000
    """Hosts remembered (1.2 kB each); then a quarter of those that are idle is forgotten."""
    max_standings: int = 20_000
    """Hosts in good standing of which it is remembered what they have earned."""
    max_aside_rows: int = 20_000
    """Rows that may wait for their host or for a retry while others are asked for."""
    aside_wait_s: float = 0.25
    """How long slots are empty before more rows may wait aside: a host that is well takes its
    rows by then."""

    # -- notices to the user

    notice: Backoff = Backoff(first=60.0, longest=3600.0)
    """Between two lines about hosts that rest or are given up."""
    min_notice_rest_s: float = 4.0
    """A rest, or a delay between two requests, that is worth a line."""
    max_notice_hosts: int = 1000
    """Hosts counted between two lines."""

    # -- robots.txt

    robots_unavailable_s: float = 300.0
    """Until a robots.txt that could not be had is asked for again."""
    max_robots_origins: int = 100_000
    """Origins whose rules are remembered; then the oldest are forgotten."""
    max_robots_characters: int = 5_000_000
    """Characters of these rules; each takes some 15 bytes."""

    # -- an outage of our own network

    outage_window: int = 100
    """The last attempts that are looked at."""
    outage_share: float = 0.95
    """The share of them that has to fail."""
    min_outage_hosts: int = 20
    """Hosts over which they have to fail; of one host no more than its part of the window counts,
    for its rows often stand together in a list."""
    false_alarm_s: float = 10.0
    """After a false alarm, how long there is no other."""
    max_held_failures: int = 500
    """Failures of the network that are held back, in case an outage explains them."""
    max_held_s: float = 10.0
    """How long each is held back."""
    probe: Backoff = Backoff(first=1.0, longest=60.0)
    """Between two probes."""
    probe_urls: int = 4
    """URLs tried in the first probe; then twice as many each time, up to `max_probe_urls`."""
    max_probe_urls: int = 32
    max_outage_s: float = 600.0
    """After that failures count as failures, and the list goes on."""
    max_outages: int = 3
    """Times that a URL may be caught in an outage."""

    # -- a transfer

    min_bytes_per_s: int = 1024
    """What a body must bring on average over a window of `max_window_s`, or a third of the
    timeout if that is less."""
    max_window_s: float = 10.0
    stalled_after_s: float = 1.0
    """After that a connection that is not there yet no longer takes a slot."""
    max_drain_s: float = 0.5
    """For the rest of an unwanted body; then its connection is given up for it."""

    # -- name servers

    max_lookup_s: float = 5.0
    """After that a name counts as not resolved, retries included."""
    lookup_tries: int = 3
    """Times that c-ares asks each name server.  It waits for `lookup_wait_s` while it does not know
    a server; then five times the server's mean, at least 250 ms; and twice as long each time."""
    lookup_wait_s: float = 1.0
    lookup_retry: Backoff = Backoff(first=0.625, jitter=0.4)
    """Between two questions, after c-ares has given up: half a second on average, then a second."""
    patient_after_s: float = 0.5
    """Then each name server is asked once more, by a question that waits for as long as there is:
    c-ares drops what comes after its own waits, and with a server that takes 2 seconds for each
    answer, three questions in a row would be asked in vain."""
    max_patient_servers: int = 3
    """Servers that are asked patiently for a name."""
    max_patient_answers: int = 2
    """Answers of a patient channel; after three c-ares would wait for five times their mean,
    however long it was asked to wait."""
    max_channel_questions: int = 10_000
    """Then c-ares starts afresh: it has a cache too, without bounds, 1.4 kB a name, and pycares
    cannot turn it off.  So the system's configuration is read again at times, and the port
    changes."""
    family_grace_s: float = 0.1
    """How long the addresses of one family wait for those of the other (RFC 8305 has 50 ms)."""
    late_lookup_s: float = 1.0
    """After that a look-up no longer takes a slot: dead names must not hold others up."""
    max_young_lookups: int = 256
    """Names looked up at once that are not late."""
    max_lookups: int = 2000
    """Names looked up at once."""
    max_names: int = 100_000
    """Names remembered; then the oldest are forgotten."""
    min_name_memory_s: float = 60.0
    """How long an answer is kept, whatever it says: the rows of a host come scattered over a list,
    and a TTL of 5 seconds, usual with CDNs, would have its name asked again for nearly every one."""
    max_name_memory_s: float = 3600.0
    no_such_host_memory_s: float = 300.0
    """How long it is remembered that there is no such host."""
    not_resolved_memory_s: float = 1.0
    """How long it is remembered that a name was not resolved: its other rows need not all wait, and
    a retry, which comes later, asks again."""

    @property
    def max_outage_failures_per_host(self) -> int:
        """Failures of one host that count in the window."""
        return self.outage_window // self.min_outage_hosts


POLITE = Politeness()
"""The numbers of every run."""
