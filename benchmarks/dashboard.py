"""Measure what the page of a run costs: whole runs with and without it, in turn, and a week of it.

`python -m benchmarks.dashboard [--rows 5000 --rounds 5 --photos FOLDER]`
"watched" = a page is open, which asks every three seconds and is shown images.  Runs on a shared
machine differ by more than the page costs, so its parts are measured alone too: what the reporter
does each second, and what a request does, after a week and 100,000 shards.
"""

from __future__ import annotations

import http.client
import re
import threading
import time
import tracemalloc
from collections import Counter
from functools import partial
from pathlib import Path

from benchmarks.in_turn import BASE, compare, make_parser, run, serving_list
from benchmarks.measure import Usage
from img2dataset.accounting.account import Account, Stage
from img2dataset.accounting.hosts import HostCount
from img2dataset.errors import Reason
from img2dataset.report import Progress
from img2dataset.reports.dashboard.page import make_live
from img2dataset.reports.dashboard.reporter import DashboardReporter
from img2dataset.tally import ShardResult, Tally

UPDATE_S = 3.0
WEEK_S = 7 * 86_400
SHARDS = 100_000
HOSTS = 200
TICKS_PER_S = 4
"""How often a run calls its reporters."""


def main() -> None:
    flags = make_parser(__doc__).parse_args()
    show_week()
    with serving_list(flags.photos, flags.rows) as folder:
        runs = {
            BASE: partial(run, folder, ["--number_sample_per_shard=500"]),
            "page": partial(run_with_page, folder, watched=False),
            "page, watched": partial(run_with_page, folder, watched=True),
        }
        compare(runs, flags.rounds, flags.rows)


def run_with_page(folder: Path, *, watched: bool) -> Usage:
    (folder / "log").write_text("")
    over = threading.Event()
    if watched:
        threading.Thread(target=watch, args=(folder / "log", over)).start()
    usage = run(folder, ["--number_sample_per_shard=500", "--dashboard"])
    over.set()
    return usage


def watch(log: Path, over: threading.Event) -> None:
    """Ask for the page as a browser does, until the run is over."""
    served = None
    while not over.wait(0.2 if served is None else UPDATE_S):
        found = re.search(r"dashboard: http://(\S+)/", log.read_text())
        served = None if found is None else found[1]
        if served is not None:
            connection = http.client.HTTPConnection(served, timeout=10)
            try:
                connection.request("GET", "/now")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):  # the run is over
                return
            finally:
                connection.close()


def show_week() -> None:
    """Show what a week costs: one call of each second, and 100,000 shards."""
    reporter = DashboardReporter(port=True)
    account = make_account()
    tracemalloc.start()
    began, calls = time.process_time(), 0
    try:
        for second in range(0, WEEK_S, 30):  # not all: the periods are the same
            progress = make_progress(second, account)
            reporter.progress(progress)
            if second % 60 == 0:
                result = ShardResult(second, f"{second:08}", progress.tally, second, second + 9.0)
                reporter.shard_done(result, progress)
            calls += 1
        memory = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        show_call(reporter, make_progress(WEEK_S, account))
    finally:
        reporter.close()
    print(
        f"a week: {calls:,} snapshots, {memory / 1e6:.1f} MB in {time.process_time() - began:.0f} s"
    )


def show_call(reporter: DashboardReporter, progress: Progress) -> None:
    """Show the CPU time of a tick, of a snapshot and of a request."""
    ticks = time_of(lambda: reporter.progress(progress), 2000)
    snapshots = time_of(lambda: reporter.show(progress), 500)
    snapshot = reporter.snapshot
    requests = time_of(lambda: make_live(snapshot, ()), 50)
    size = len(make_live(snapshot, ()))
    share = TICKS_PER_S * ticks + snapshots
    print(
        f"a tick {1e6 * ticks:.0f} us, a snapshot {1e6 * snapshots:.0f} us: {share:.4%} of a core"
    )
    print(f"an update {1e3 * requests:.1f} ms, {size:,} bytes: {requests / UPDATE_S:.3%} of a core")


def time_of(call: object, count: int) -> float:
    assert callable(call)
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(count):
            call()
        best = min(best, (time.process_time() - began) / count)
    return best


def make_account() -> Account:
    account = Account(sizes=Counter(transfers=10**9, downloaded=10**13))
    for number, stage in enumerate(Stage):
        account.seconds[stage] = 1000.0 * number
    for number in range(HOSTS):
        account.hosts.add(f"images-{number}.example.org", HostCount(1000 - number, number, 9.0, 9))
    return account


def make_progress(second: int, account: Account) -> Progress:
    """Make what a run tells that has some of each reason."""
    labels = Counter({reason.label: 20 * second for reason in Reason})
    tally = Tally(
        Counter(success=1000 * second, failed_to_download=labels.total()),
        labels + Counter(success=1000 * second),
        Counter({reason.value: 20 * second for reason in Reason}),
    )
    shards = SHARDS * second // WEEK_S
    return Progress(tally, float(second), shards, 0, 0, SHARDS, 10**9, account=account)


if __name__ == "__main__":
    main()
