"""A run where people look at it: a notebook, a job's log, a narrow terminal, a program, Prometheus."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.commands import Running, run, write_list
from tests.site import Site

pytestmark = pytest.mark.slow

DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
HOSTILE = "<script>alert(1)</script>"
CELL = """\
from img2dataset import download
report = download({urls!r}, output_folder="out", image_size=64, number_sample_per_shard=4)
"""


@pytest.fixture(scope="module")
def urls() -> Iterator[list[str]]:
    """Some of them take a second and a half, so that there is something to see."""
    with Site() as site:
        yield [
            *(site.url(f"/image/{number}.jpg") for number in range(6)),
            *(site.url("/slow", seconds=1.5, n=number) for number in range(2)),
            site.url("/status/404", q=HOSTILE),
        ]


def execute_notebook(source: str, folder: Path) -> list[Any]:
    """Execute a notebook of one cell in a kernel; return the outputs that are stored with it."""
    pytest.importorskip("ipykernel")
    client = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    client.NotebookClient(
        notebook, kernel_name="python3", timeout=90, resources={"metadata": {"path": str(folder)}}
    ).execute()
    return list(notebook.cells[0].outputs)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_notebook_has_one_cell_that_ends_with_the_summary(
    urls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    (output,) = execute_notebook(CELL.format(urls=urls), tmp_path)

    assert output.output_type == "display_data"
    assert output.data.keys() == {"text/html", "text/plain"}
    shown = output.data["text/html"]
    assert "9/9 rows · 3/3 shards" in shown
    assert '<progress value="9" max="9"' in shown
    assert ">done: 8 images of 9 rows (88.9%) in out<" in shown
    assert "<script>" not in shown
    assert "done: 8 images of 9 rows" in output.data["text/plain"]


def test_the_log_of_a_job_has_dates_and_the_time_that_is_left(
    urls: list[str], tmp_path: Path
) -> None:
    listed = write_list(tmp_path / "urls.txt", urls)
    job = {"SLURM_JOB_ID": "4711", "SLURM_JOB_END_TIME": str(int(time.time()) + 3600)}
    code, log = run(
        [str(listed), f"--output_folder={tmp_path}/out", "--number_sample_per_shard=4"], job
    )
    progress = [line for line in log.splitlines() if "progress - " in line]

    assert code == 0
    assert re.fullmatch(
        rf"{DATE} progress - 9/9 rows - 3/3 shards - \d+ img/s - 88.9% success - 0:00:00 left - "
        r"job ends in 0:5\d:\d\d - failed: http_status 1",
        progress[-1],
    )
    assert "\x1b" not in log
    assert log.splitlines()[-1].startswith("done: 8 images of 9 rows")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_terminal_of_40_columns_shows_all_figures(urls: list[str], tmp_path: Path) -> None:
    shown = run_in_terminal(40, [str(write_list(tmp_path / "u.txt", urls)), "out"], tmp_path)
    displays = re.split(r"━+[╸╺━]* *\d+%", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown))

    assert len(displays) > 2, "it moves"
    lines = displays[-1].replace("\r", "").splitlines()[1:4]
    assert re.fullmatch(
        r"9/9 rows  1/1 shards  \d+ img/s\n88\.9% success  0:00:00 left\nfailed: http_status 1",
        "\n".join(lines),
    )
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is back"
    assert "done: 8 images of 9 rows" in shown


def run_in_terminal(columns: int, words: list[str], folder: Path) -> str:
    """Run a command whose stderr is a terminal; return what was written there."""
    import fcntl  # noqa: PLC0415  (not on Windows, as the next)
    import termios  # noqa: PLC0415

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")
    }
    command = [sys.executable, "-m", "img2dataset", words[0], f"--output_folder={words[1]}"]
    running = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, cwd=folder,
        env={**environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert running.wait(60) == 0
    return written.decode()


def test_each_line_of_a_json_log_is_an_object_errors_included(
    urls: list[str], tmp_path: Path
) -> None:
    listed = write_list(tmp_path / "urls.txt", urls)
    command = [str(listed), f"--output_folder={tmp_path}/out"]
    code, log = run([*command, "--log_format=json"])
    events = [json.loads(line) for line in log.splitlines()]

    assert code == 0
    assert [each["event"] for each in events if each["event"] != "progress"] == [
        "started", "shard", "finished"
    ]  # fmt: skip
    assert events[-2]["rows_done"] == events[-1]["count"] == 9

    code, log = run([*command, "--image_size=99", "--progress=json"])
    (event,) = map(json.loads, log.splitlines())
    assert code == 2
    assert event["event"] == "error"
    assert "image_size" in event["message"]


def test_metrics_are_served_while_the_run_lasts(urls: list[str], tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client")
    listed = write_list(tmp_path / "urls.txt", urls)
    running = Running([str(listed), f"--output_folder={tmp_path}/out", "--metrics_port=0"])
    running.until_it_says("metrics: http://127.0.0.1:")
    found = re.search(r"metrics: (http://127\.0\.0\.1:\d+/metrics)", running.errors)
    assert found is not None
    running.until(lambda: fetch_success(found[1]) >= 6, "six rows")

    assert running.end() == 0
    with pytest.raises(ConnectionRefusedError):
        fetch_success(found[1])


def fetch_success(url: str) -> float:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=10)
    connection.request("GET", address.path)
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.search(r'^img2dataset_rows_total\{outcome="success"\} (\S+)$', text, re.MULTILINE)
    assert found is not None
    return float(found[1])


def test_a_port_that_is_taken_ends_the_command_before_any_work(
    urls: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("prometheus_client")
    listed = write_list(tmp_path / "urls.txt", urls)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = run([str(listed), f"--output_folder={tmp_path}/out", f"--metrics_port={port}"])

    assert code == 2
    assert said.count("\n") == 1
    assert f"error: metrics_port is {port}: " in said
    assert not (tmp_path / "out").exists()
