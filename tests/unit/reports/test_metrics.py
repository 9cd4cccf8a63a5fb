"""Metrics, fetched as Prometheus does."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from img2dataset import download
from img2dataset.accounting.bottleneck import BottleneckKind
from img2dataset.errors import MissingExtraError, OptionError, Reason
from img2dataset.options import Options
from img2dataset.reports import find_reporters
from img2dataset.reports.metrics import MetricsReporter
from img2dataset.tally import RestingHost
from tests.unit.reports.runs import account, limit, progress, report, shard, tally

pytest.importorskip("prometheus_client")
Labels = tuple[tuple[str, str], ...]


@pytest.fixture
def reporter() -> Iterator[MetricsReporter]:
    (made,) = find_reporters(Options("u.txt", metrics_port=0), ())
    assert isinstance(made, MetricsReporter)
    yield made
    made.close()
    made.close()


def request(reporter: MetricsReporter, method: str = "GET") -> tuple[int, str]:
    (said,) = reporter.addresses
    address = urlsplit(said.removeprefix("metrics: "))
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=10)
    connection.request(method, address.path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def fetch(reporter: MetricsReporter) -> dict[tuple[str, Labels], float]:
    from prometheus_client.parser import (  # noqa: PLC0415  (an extra)
        text_string_to_metric_families,
    )

    status, text = request(reporter)
    assert status == 200
    return {
        (sample.name.removeprefix("img2dataset_"), tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_are_there_from_the_start(reporter: MetricsReporter) -> None:
    seen = fetch(reporter)

    assert seen["rows_total", (("outcome", "success"),)] == 0
    assert {labels[0][1] for name, labels in seen if name == "failures_total"} == set(Reason)
    assert not any(name == "list_rows" for name, _ in seen), "unknown yet"


def test_metrics_are_what_the_run_did(reporter: MetricsReporter) -> None:
    rows = tally(800, timeout=150, decode=50)
    resting = (RestingHost("http://a.example", 3, 9.0), RestingHost("http://b.example", 4, 2.0))
    reporter.notice("a worker died")
    reporter.progress(progress(rows, elapsed=10.0, rows_total=3_000, resting=resting))
    reporter.shard_done(
        shard(rows, end=1234.5),
        progress(
            rows, elapsed=10.0, rows_total=3_000, shards_total=3, resting=resting,
            account=account(5_000, 3_000, dns=0.5), bottleneck=limit("servers", "http://a.example"),
        ),
    )  # fmt: skip

    seen = fetch(reporter)
    assert seen["rows_total", (("outcome", "success"),)] == 800
    assert seen["rows_total", (("outcome", "failed_to_download"),)] == 150
    assert seen["failures_total", (("reason", "decode"),)] == 50
    for name, value in {
        "stored_shards_total": 1,
        "notices_total": 1,
        "list_rows": 3_000,
        "list_shards": 3,
        "downloaded_bytes_total": 5_000,
        "stored_bytes_total": 3_000,
        "transfers_total": 1,
        "resting_hosts": 2,
        "waiting_rows": 7,
        "elapsed_seconds": 10,
        "remaining_seconds": 20,
        "last_shard_timestamp_seconds": 1234.5,
    }.items():
        assert seen[name, ()] == value, name
    assert seen["stage_seconds_total", (("stage", "dns"),)] == 0.5
    assert seen["stage_seconds_total", (("stage", "decode"),)] == 0
    limits = {labels[0][1]: value for (name, labels), value in seen.items() if name == "bottleneck"}
    assert limits == {kind: float(kind == "servers") for kind in BottleneckKind}
    assert not any("example" in value for _, labels in seen for _, value in labels)


def test_counters_do_not_fall_when_a_worker_dies(reporter: MetricsReporter) -> None:
    reporter.progress(progress(tally(100, timeout=7), account=account(900, 500, dns=9.0)))
    reporter.progress(progress(tally(60), account=account(800, 600, dns=8.0, tls=1.0)))
    seen = fetch(reporter)

    assert seen["rows_total", (("outcome", "success"),)] == 100
    assert seen["failures_total", (("reason", "timeout"),)] == 7
    assert (seen["downloaded_bytes_total", ()], seen["stored_bytes_total", ()]) == (900, 600)
    assert seen["stage_seconds_total", (("stage", "dns"),)] == 9
    assert seen["stage_seconds_total", (("stage", "tls"),)] == 1


def test_only_get_is_answered(reporter: MetricsReporter) -> None:
    assert request(reporter, "POST")[0] == 405
    assert request(reporter, "DELETE")[0] == 405


def test_nothing_listens_after_the_end(reporter: MetricsReporter) -> None:
    reporter.finished(report(tally(3)), progress(tally(3)))
    assert fetch(reporter)["rows_total", (("outcome", "success"),)] == 3
    reporter.close()

    with pytest.raises(ConnectionRefusedError):
        request(reporter)


@pytest.mark.parametrize(
    ("address", "said"),
    [("127.0.0.1", r"at 127\.0\.0\.1 \(.*in use\)"), ("203.0.113.7", r"at 203\.0\.113\.7 \(")],
)
def test_an_address_that_cannot_be_listened_on_is_said_before_any_work(
    address: str, said: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = Options("u.txt", metrics_port=port, metrics_address=address)
        with pytest.raises(OptionError, match=rf"metrics_port is {port}: .*{said}.*free one$"):
            find_reporters(options)


def test_the_library_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img2dataset.reports.metrics.find_spec", lambda _: None)

    with pytest.raises(MissingExtraError, match=r"pip install 'img2dataset\[metrics\]'"):
        find_reporters(Options("u.txt", metrics_port=0))


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(
        OptionError, match=r"metrics_address is '0\.0\.0\.0' and metrics_port is None"
    ):
        Options("u.txt", metrics_address="0.0.0.0")


def test_a_call_that_is_refused_gives_its_port_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    for _ in range(2):
        with pytest.raises(OptionError, match="caption_col"):
            download(["http://a/1.jpg"], caption_col="", metrics_port=port, reporters=())
