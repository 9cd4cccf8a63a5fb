"""Whatever a decoder does to its process, the row gets a reason and the next one its picture."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from img2dataset.errors import Reason, RowError
from img2dataset.process.watchdog import Watch
from img2dataset.records import EncodedImage
from img2dataset.worker.sandbox import Sandbox
from tests.unit.processors import HANGING, HANGS

PATIENCE = 20.0


@contextmanager
def sandbox(
    seconds: float = 1000.0,
    watched: float = 1000.0,
    make: str = "tests.unit.processors:ImageProcessor",
) -> Iterator[Sandbox]:
    """One in which a body may compute for `seconds`, and that is watched over for others."""
    watch = Watch(watched)
    made = Sandbox(make, "config", seconds, watch)
    watch.start()
    try:
        yield made
    finally:
        made.close()
        watch.stop()


def text(made: Sandbox, data: bytes) -> str:
    return made.process(data).data.decode()


@pytest.mark.slow
def test_what_comes_back_is_what_the_shaper_made() -> None:
    with sandbox() as made:
        assert made.process(b"x", [[0.0, 0.0, 1.0, 1.0]]) == EncodedImage(
            b"config b'x' [[0.0, 0.0, 1.0, 1.0]]", 1, 2, 3, 4
        )
        large = b"x" * 3_000_000  # more than a pipe holds, both ways
        assert len(made.process(large).data) > len(large)


def test_a_refusal_comes_back_as_it_was_and_the_process_goes_on() -> None:
    with sandbox() as made:
        before = text(made, b"pid")
        with pytest.raises(RowError) as caught:
            made.process(b"refuse")
        assert (caught.value.reason, caught.value.label, caught.value.detail) == (
            Reason.DECODE, "so", "and so",
        )  # fmt: skip
        assert text(made, b"pid") == before != str(os.getpid())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "how"),
    [
        (b"segv", "(signal SIGSEGV)"),
        (b"exit 0", "(exit status 0)"),
        pytest.param(b"overflow", "(signal SIG", marks=pytest.mark.slow),  # SEGV or BUS
        pytest.param(b"abort", "(signal SIGABRT)", marks=pytest.mark.slow),
        pytest.param(b"kill", "(signal SIGKILL)", marks=pytest.mark.slow),
        # this status is that of a bug of ours, too
        pytest.param(b"exit 70", "(exit status 70)", marks=pytest.mark.slow),
        pytest.param(b"sys.exit", "(exit status 70)", marks=pytest.mark.slow),
    ],
)
def test_a_body_that_ends_the_process_is_blamed_and_the_next_one_is_made(
    body: bytes, how: str
) -> None:
    with sandbox() as made:
        with pytest.raises(RowError) as caught:
            made.process(body)
        assert caught.value.reason is Reason.DECODER_CRASHED
        assert caught.value.detail.startswith(how)
        assert text(made, b"good") == "config b'good' None"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "seconds", "watched"),
    [
        (b"spin", 0.2, 1000.0),  # computes: the kernel's timer ends it
        (b"sleep", 1000.0, 0.2),  # waits: the watch does
        pytest.param(b"freeze", 1000.0, 0.2, marks=pytest.mark.slow),  # and keeps the GIL
    ],
)
def test_a_body_that_takes_too_long_is_blamed_and_the_next_one_is_made(
    body: bytes, seconds: float, watched: float
) -> None:
    with sandbox(seconds, watched) as made:
        assert text(made, b"good")
        with pytest.raises(RowError) as caught:
            made.process(body)
        assert (caught.value.reason, caught.value.detail) == (Reason.DECODER_TIMEOUT, "")
        assert text(made, b"good") == "config b'good' None"


@pytest.mark.slow
def test_a_body_is_not_blamed_for_what_an_earlier_one_did_to_the_process() -> None:
    with sandbox() as made:
        before = text(made, b"pid")
        assert text(made, b"poison")
        assert text(made, b"good") == "config b'good' None"
        assert text(made, b"pid") != before


def test_a_bug_of_ours_is_not_taken_for_a_bad_body() -> None:
    with sandbox() as made, pytest.raises(RuntimeError, match="a bug of ours") as caught:
        made.process(b"bug")
    assert "processors.py" in str(caught.value), "the traceback is that of the process"


@pytest.mark.slow
def test_processes_that_do_not_start_are_no_bodys_fault() -> None:
    with (
        sandbox(make="tests.unit.processors:make_none") as made,
        pytest.raises(RuntimeError, match=r"do not start: exit status 9"),
    ):
        made.process(b"x")
    with (
        sandbox(make="tests.unit.processors:nothing") as made,
        pytest.raises(RuntimeError, match=r"has no attribute 'nothing'"),
    ):
        made.process(b"x")


@pytest.mark.slow
def test_each_thread_has_a_process_of_its_own_from_its_first_body_on() -> None:
    pids: list[str] = []
    with sandbox() as made:
        both_in = threading.Barrier(2, timeout=PATIENCE)

        def work() -> None:
            first = text(made, b"pid")
            both_in.wait()
            assert text(made, b"pid") == first
            pids.append(first)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(pids)) == 2


def test_what_a_library_prints_does_not_get_between_the_messages() -> None:
    with sandbox() as made:
        assert text(made, b"print") == "20"
        assert text(made, b"good") == "config b'good' None"


def test_a_process_imports_only_what_pictures_need() -> None:
    with sandbox() as made:
        modules = text(made, b"modules").split()
    assert not {"pyarrow", "pycurl", "img2dataset.worker.main", "subprocess"} & set(modules)


@pytest.mark.skipif(sys.platform != "linux", reason="a file of Linux")
def test_the_process_is_what_the_system_should_end_when_memory_runs_out() -> None:
    with sandbox() as made:
        assert text(made, b"oom") == "1000"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a promise for Linux only")
@pytest.mark.parametrize("body", ["sleep", "freeze"])
def test_a_process_that_hangs_ends_when_its_worker_is_killed(body: str) -> None:
    command = [sys.executable, "-c", HANGING, body]
    root = Path(__file__).parents[3]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=root) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        pid = int(run.stdout.readline())
        assert run.stderr.readline() == HANGS
        assert is_running(pid)
        run.kill()
    deadline = time.monotonic() + PATIENCE
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.slow
def test_closing_ends_the_processes_and_they_are_started_again_when_needed() -> None:
    with sandbox() as made:
        pid = int(text(made, b"pid"))
        made.close()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert text(made, b"good")
