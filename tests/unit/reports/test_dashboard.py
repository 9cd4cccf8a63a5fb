"""The page of a run: what it keeps, what it draws, whom it answers."""

from __future__ import annotations

import http.client
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from html import unescape
from threading import Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from img2dataset import OptionError
from img2dataset.accounting.account import Account, Stage
from img2dataset.accounting.bottleneck import Bottleneck, BottleneckKind
from img2dataset.accounting.hosts import HostCount
from img2dataset.cli.parse_insight import parse_report
from img2dataset.errors import Reason
from img2dataset.failure_samples import FailureSamples
from img2dataset.options import Options
from img2dataset.process.spawn import start_python
from img2dataset.report import Progress, Report
from img2dataset.reports import find_reporters, list_addresses
from img2dataset.reports.dashboard import charts, strip
from img2dataset.reports.dashboard import reporter as reporting
from img2dataset.reports.dashboard.history import MAX_PERIODS, History
from img2dataset.reports.dashboard.page import make_live, make_page
from img2dataset.reports.dashboard.reporter import DashboardReporter
from img2dataset.reports.dashboard.snapshot import Said, Snapshot, Tile
from img2dataset.tally import RestingHost, ShardResult, Tally

HOSTILE = "</p></figure><script>alert(1)</script>\"'"


def make_tally(successes: int, gone: int = 0, url: str = "http://a/1.jpg") -> Tally:
    failed = FailureSamples()
    if gone:
        failed.add("http_status", url)
    labels = {"success": successes, "HTTP Error 404: Not Found": gone}
    return Tally(
        Counter(success=successes, failed_to_download=gone),
        +Counter(labels),
        +Counter(http_status=gone),
        failed,
    )


def make_progress(tally: Tally, elapsed: float) -> Progress:
    resting = (RestingHost(HOSTILE, 7, 3600.0),)
    account = Account(sizes=Counter(transfers=40))
    for number, stage in enumerate(Stage):
        account.seconds[stage] += number
    account.hosts.add(HOSTILE, HostCount(rows=20, failures=5, seconds=9.0, size=7))
    return Progress(
        tally, elapsed, 3, 1, 10, 8, 1000, resting=resting, workers=4, shards_lost=2,
        account=account, bottleneck=Bottleneck(BottleneckKind.HOSTS, f"the hosts ({HOSTILE})"),
    )  # fmt: skip


@pytest.fixture
def reporter() -> Iterator[DashboardReporter]:
    (found,) = find_reporters(Options("u.txt", dashboard=True), ())
    assert isinstance(found, DashboardReporter)
    yield found
    found.close()


def test_the_course_of_a_run_is_bounded_and_adds_up() -> None:
    history, seconds = History(max_periods=20), 700
    for second in range(seconds):
        history.add(
            make_tally(10 * second, second),
            10_000 * second,
            second + 0.3 * (second % 3),
            1e9 + second,
        )
    last = seconds - 1
    periods = history.list_periods()

    assert 10 <= len(periods) <= 20
    assert sum(each.successes for each in periods) == 10 * last
    assert sum(each.failures.get("gone", 0) for each in periods) == last
    assert sum(each.body_bytes for each in periods) == 10_000 * last
    assert sum(each.seconds for each in periods) == pytest.approx(last, abs=1)
    assert all(abs(each.seconds - 64) <= 1 for each in periods[:-1])
    many = [periods[0]] * MAX_PERIODS
    assert len(charts.draw_speed(many)) < 20_000
    assert len(charts.draw_outcomes(many)) < 20_000


def test_rows_of_a_lost_worker_count_once() -> None:
    history = History()
    for rows in (100, 40, 100, 130):
        history.add(make_tally(rows), 0, float(rows), 1e9)

    assert sum(each.rows for each in history.list_periods()) == 130


def test_a_page_of_hostile_texts_is_well_formed_and_has_none_as_markup() -> None:
    history = History()
    for second in range(20):
        tally = make_tally(second, second, f"http://{HOSTILE}/")
        history.add(tally, second, float(second), 1e9 + second)
    snapshot = Snapshot(
        output_folder=f"/tmp/{HOSTILE}",
        output_format="files",
        part="0/2",
        started_at=1e9,
        now=1e9 + 20,
        progress=make_progress(make_tally(19, 19, f"javascript://{HOSTILE}/"), 20.0),
        periods=history.list_periods(),
        shards=(ShardResult(0, HOSTILE, make_tally(3), 1.0, 2.0),),
        notices=(Said(1e9, HOSTILE),),
        notices_count=9,
    )
    tiles = (Tile(1, HOSTILE, f"javascript:{HOSTILE}", HOSTILE, b""),)
    live = make_live(snapshot, tiles)

    root = ET.fromstring(f"<div>{live}</div>".replace('.jpg">', '.jpg"/>'))
    assert "script" not in {each.tag for each in root.iter()}
    assert not [each for each in root.iter("a") if not each.get("href", "").startswith("http")]
    assert {each.get("id") for each in root} == {
        "head", "course", "limits", "images", "reasons", "hosts", "shards", "notices",
    }  # fmt: skip
    text = "".join(root.itertext())
    for shown in (
        HOSTILE,
        "part 0/2",
        "of 1,000",
        "404",
        "1:00:07",
        "20, 75% came",
        "and 8 before",
        "for an image thread",
        "Of the rows that are finished",
    ):
        assert shown in text
    assert make_page(snapshot, tiles).count("<script>") == 1


def show(tally: Tally, folder: str = "out") -> str:
    snapshot = Snapshot(
        output_folder=folder, output_format="files", part=None, started_at=1e9, now=1e9 + 20,
        progress=make_progress(tally, 20.0), periods=(), shards=(), notices=(), notices_count=0,
    )  # fmt: skip
    return make_page(snapshot, ())


def test_a_reason_has_its_own_messages_and_none_of_another_reason() -> None:
    scheme = "URL scheme not allowed: http, https and s3 only"
    labels = {"HTTP Error 404: Not Found": 35, "HTTP Error 503: Busy": 4, scheme: 3}
    reasons = {"http_status": 35, "http_status_transient": 4, "scheme_not_allowed": 3, "decode": 2}
    labels[Reason.DECODE.label] = 2  # the text of not_an_image too
    tally = Tally(Counter(failed_to_download=44), Counter(labels), Counter(reasons))

    messages = re.findall(r"</span></summary><ul>(.*?)</ul>", show(tally))

    assert messages == [
        "<li>HTTP Error 404: Not Found: 35</li>", "<li>HTTP Error 503: Busy: 4</li>",
        f"<li>{scheme}: 3</li>", "<li>Image decoding error: 2</li>",
    ]  # fmt: skip


def test_the_command_that_the_page_names_is_one() -> None:
    page = show(make_tally(1), "my data")
    (command,) = re.findall("<code>img2dataset (.*?)</code>", page)
    asked = parse_report(shlex.split(unescape(command))[1:])
    assert not isinstance(asked, str)
    assert asked.output_folder == "my data"


def ask(url: str, method: str = "GET", path: str = "/", host: str | None = None) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    status = connection.getresponse().status
    connection.close()
    return status


def test_only_this_machine_and_its_tunnels_are_answered(reporter: DashboardReporter) -> None:
    (served,) = list_addresses([reporter])
    url = served.removeprefix("dashboard: ")

    assert re.fullmatch(r"http://127\.0\.0\.1:82[67]\d/", url)
    for host in (None, "localhost", "localhost:9", "127.0.0.1:1", "[::1]:9"):
        assert ask(url, host=host) == 200
    for host in ("rebound.example", "localhost.example:1", "x@localhost", "localhost:x", ""):
        assert ask(url, host=host) == 403
    assert ask(url, "POST") == 405
    assert ask(url, path="/images/1.jpg") == 404
    reporter.close()
    with pytest.raises(ConnectionRefusedError):
        ask(url)


def test_every_open_page_sees_the_end_and_then_nobody_is_waited_for(
    reporter: DashboardReporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "FAREWELL_S", 60.0)  # so long that a wait would be seen
    url = list_addresses([reporter])[0].removeprefix("dashboard: ")
    for _ in range(2):  # two pages
        assert ask(url, path="/now") == 200
    progress = make_progress(make_tally(3), 9.0)
    reporter.finished(Report("out", progress.tally, 9.0, 1, 0), progress)
    closing = Thread(target=reporter.close)
    closing.start()

    assert ask(url, path="/now") == 200
    assert closing.is_alive(), "the other page is waited for"
    assert ask(url, path="/now") == 200
    closing.join(30)
    assert not closing.is_alive()
    again = Thread(target=reporter.close, daemon=True)  # a reporter may be closed twice
    again.start()
    again.join(30)
    assert not again.is_alive()


def test_a_port_that_is_taken_is_refused(reporter: DashboardReporter) -> None:
    port = urlsplit(list_addresses([reporter])[0].removeprefix("dashboard: ")).port
    assert port is not None
    with pytest.raises(OptionError, match=rf"^dashboard is {port}: port {port} of 127\.0\.0\.1 "):
        find_reporters(Options("u.txt", dashboard=port), ())
    # without a number the next one is taken
    (other,) = find_reporters(Options("u.txt", dashboard=True), ())
    other.close()


@pytest.mark.parametrize("port", [80, 0, 65_536, "8260"])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(OptionError, match=r"^dashboard is .*: it must be True, False,? or a "):
        Options("u.txt", dashboard=port)


def test_a_reader_of_images_that_dies_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strip, "READER", "this.module.does.not.exist")
    monkeypatch.setattr(strip, "INTERVAL_S", 0.0)
    started: list[Any] = []

    def start(*given: Any) -> Any:
        started.append(start_python(*given))
        return started[-1]

    monkeypatch.setattr(strip, "start_python", start)
    latest = strip.Strip("/nowhere")
    deadline = monotonic() + 60
    while latest.working and monotonic() < deadline:
        latest.offer(f"{len(started):05}")
        latest.look()
        sleep(0.01)

    assert not latest.working
    assert latest.tiles == ()
    assert len(started) == strip.MAX_FAILURES
    assert all(each.returncode is not None for each in started)
    latest.close()
