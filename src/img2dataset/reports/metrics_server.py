"""Snapshots of a run -> the exposition format of Prometheus, served over http."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import make_wsgi_app
from prometheus_client.registry import Collector

from img2dataset.accounting.account import Account, Stage
from img2dataset.accounting.bottleneck import BottleneckKind
from img2dataset.errors import Reason, Status
from img2dataset.report import Progress
from img2dataset.reports.snapshot import Snapshot
from img2dataset.version import VERSION

REQUEST_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.1
"""Closing takes at most this long."""

Read = Callable[[], Snapshot]
"""Gives what is known of the run now."""


class MetricsServer:
    """Answers GET in threads of its own, until it is closed."""

    def __init__(self, address: str, port: int, read: Read) -> None:
        """Listen.

        Raises:
            OSError: it is not possible at this address and port.
        """
        registry = CollectorRegistry()
        registry.register(RunCollector(read))
        self._server = find_server_class(address, port)((address, port), QuietHandler)
        self._server.set_app(make_wsgi_app(registry))
        self._thread = Thread(
            target=self._server.serve_forever,
            args=(POLL_INTERVAL_S,),
            name="img2dataset-metrics",
            daemon=True,
        )
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        named = str(host)
        return f"http://{f'[{named}]' if ':' in named else named}:{port}/metrics"

    def close(self) -> None:
        """Stop; may be called twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """A server that a slow client does not keep from answering others."""

    daemon_threads = True
    # elsewhere it lets a second process listen at a port that is taken
    allow_reuse_address = os.name == "posix"

    def server_bind(self) -> None:
        """Bind without asking the DNS for this machine's name, which may take seconds."""
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()


class ThreadingServer6(ThreadingServer):
    """The same for IPv6."""

    address_family = socket.AF_INET6


def find_server_class(address: str, port: int) -> type[ThreadingServer]:
    """Find the class for the family of an address.

    Raises:
        OSError: there is no such address.
    """
    family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
    return ThreadingServer6 if family == socket.AF_INET6 else ThreadingServer


class QuietHandler(WSGIRequestHandler):
    """Logs nothing, and does not wait for ever."""

    timeout = REQUEST_TIMEOUT_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class RunCollector(Collector):
    """Makes the metrics of a run when they are asked for.

    Labels have closed sets of values: never a host, a URL or a path.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        snapshot = self._read()
        build = InfoMetricFamily("img2dataset_build", "The version that runs.")
        build.add_metric([], {"version": VERSION})
        yield build
        yield from make_counters(snapshot)
        yield from make_account_counters(snapshot.spent)
        yield from make_gauges(snapshot)
        yield make_bottleneck(snapshot.progress)


def make_counters(snapshot: Snapshot) -> Iterator[Metric]:
    """Make what only grows; each value of a label is there from the start."""
    counted = snapshot.counted
    rows = CounterMetricFamily(
        "img2dataset_rows", "Rows finished in this run, by what became of them.", labels=["outcome"]
    )
    for status in Status:
        rows.add_metric([status.value], counted.statuses[status.value])
    yield rows
    failures = CounterMetricFamily(
        "img2dataset_failures", "Rows without an image, by reason.", labels=["reason"]
    )
    for reason in Reason:
        failures.add_metric([reason.value], counted.reasons[reason.value])
    yield failures
    yield CounterMetricFamily(
        "img2dataset_stored_shards", "Shards stored in this run.", value=snapshot.shards_stored
    )
    yield CounterMetricFamily(
        "img2dataset_notices", "Notices to people since the first row.", value=snapshot.notices
    )


def make_account_counters(spent: Account) -> Iterator[Metric]:
    """Make the counters of where time and bytes went."""
    stages = CounterMetricFamily(
        "img2dataset_stage_seconds",
        "Seconds of rows, threads or transfers in each stage; many run at once.",
        labels=["stage"],
    )
    for stage in Stage:
        stages.add_metric([stage.value], spent.seconds.get(stage, 0.0))
    yield stages
    for name, text, value in (
        ("downloaded_bytes", "Bytes of the bodies that came.", spent.downloaded_bytes),
        ("stored_bytes", "Bytes of the images that were stored.", spent.stored_bytes),
        ("transfers", "Requests, redirects and retries included.", spent.transfers),
    ):
        yield CounterMetricFamily(f"img2dataset_{name}", text, value=value)


def make_bottleneck(progress: Progress) -> Metric:
    """Make 1 for what limits the run, 0 for all else; all are 0 while it is too early to say."""
    now = None if progress.bottleneck is None else progress.bottleneck.kind
    gauge = GaugeMetricFamily(
        "img2dataset_bottleneck", "1 for what limits the run now.", labels=["kind"]
    )
    for kind in BottleneckKind:
        gauge.add_metric([kind.value], float(kind is now))
    return gauge


def make_gauges(snapshot: Snapshot) -> Iterator[Metric]:
    """Make what may fall; what is unknown is left out."""
    for name, text, value in list_gauges(snapshot, snapshot.progress):
        if value is not None:
            yield make_gauge(name, text, value)


def list_gauges(snapshot: Snapshot, progress: Progress) -> list[tuple[str, str, float | None]]:
    """List the name, meaning and value of each gauge; None = unknown."""
    waiting = sum(host.rows for host in progress.resting)
    return [
        ("start_time_seconds", "When the run began, since the epoch.", snapshot.started_at),
        ("list_rows", "Rows of the whole list, or of this part of it.", progress.rows_total),
        ("list_shards", "Shards of the whole list, or of this part.", progress.shards_total),
        ("skipped_rows", "Rows of shards that were done before.", progress.rows_skipped),
        ("skipped_shards", "Shards that were done before.", progress.shards_skipped),
        ("resting_hosts", "Hosts that get no requests for now.", len(progress.resting)),
        ("waiting_rows", "Rows that wait for such hosts.", waiting),
        ("elapsed_seconds", "Time since the run began.", progress.elapsed),
        ("remaining_seconds", "Estimated time until the run ends.", snapshot.seconds_left),
        ("last_shard_timestamp_seconds", "When the last shard was stored, since the epoch.", snapshot.last_shard_at),
    ]  # fmt: skip


def make_gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"img2dataset_{name}", text, value=value)
