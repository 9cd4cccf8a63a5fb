"""Measure what the page of a run costs: whole runs with and without it, in turn, and a week of it.

`python -m benchmarks.dashboard [--rows 5000 --rounds 5 --photos FOLDER]`
"watched" = a page is open, which asks every three seconds and is shown images.  Runs on a shared
machine differ by more than the page costs, so its parts are measured alone too: what the reporter
does each second, and what a request does, after a week and 100,000 shards.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import sys
import threading
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.longrun import make_photos, write_list
from benchmarks.measure import Usage, measure
from benchmarks.site import serving
from img2dataset.accounting.account import Account, Stage
from img2dataset.accounting.hosts import HostCount
from img2dataset.errors import Reason
from img2dataset.report import Progress
from img2dataset.reports.dashboard.page import make_live
from img2dataset.reports.dashboard.reporter import DashboardReporter
from img2dataset.tally import ShardResult, Tally

WAYS = {"without": [], "page": ["--dashboard"], "page, watched": ["--dashboard"]}
UPDATE_S = 3.0
WEEK_S = 7 * 86_400
SHARDS = 100_000
HOSTS = 200
TICKS_PER_S = 4
"""How often a run calls its reporters."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=Path)
    flags = parser.parse_args()
    show_week()
    with TemporaryDirectory(prefix="img2dataset-dashboard-") as name:
        folder = Path(name)
        photos = flags.photos or folder / "small"
        if flags.photos is None:
            make_photos(photos)
        (folder / "site").mkdir()
        with serving(photos, folder / "site") as site:
            write_list(folder / "list.txt", site, flags.rows)
            runs: dict[str, list[Usage]] = {way: [] for way in WAYS}
            for _ in range(flags.rounds):
                for way in WAYS:
                    runs[way].append(run(folder, way))
    show(runs, flags.rows)


def run(folder: Path, way: str) -> Usage:
    rmtree(folder / "out", ignore_errors=True)
    (folder / "log").write_text("")
    command = [
        sys.executable, "-m", "img2dataset", f"--url_list={folder / 'list.txt'}",
        f"--output_folder={folder / 'out'}", "--output_format=webdataset",
        "--number_sample_per_shard=500", *WAYS[way],
    ]  # fmt: skip
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(folder / "log", over))
    if "watched" in way:
        watcher.start()
    usage = measure(command, env=dict(os.environ), log=folder / "log", timeout=3600)
    over.set()
    assert usage.exit_code == 0, (folder / "log").read_text()
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


def show(runs: dict[str, list[Usage]], rows: int) -> None:
    print("| | CPU ms per image | wall s | CPU, of the run without, in turn |")
    print("|--|--:|--:|--|")
    for way, usages in runs.items():
        ratios = [one.cpu / base.cpu for one, base in zip(usages, runs["without"], strict=True)]
        cpu = 1000 * median(usage.cpu for usage in usages) / rows
        wall = median(usage.wall for usage in usages)
        each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"| {way} | {cpu:.3f} | {wall:.1f} | {median(ratios):.3f} ({each}) |", flush=True)


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
