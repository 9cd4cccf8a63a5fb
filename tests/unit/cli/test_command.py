"""Exit codes, signals, and which stream says what."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from img2dataset.cli.command import Terminated, main
from img2dataset.errors import MissingExtraError, OptionError, RunError, SourceError
from img2dataset.options import Options
from img2dataset.report import Report
from img2dataset.reports import Reporter
from tests.unit.reports.runs import progress, report, tally


def ending(how: Report | BaseException) -> Callable[[Options, Sequence[Reporter]], Report]:
    def run(_options: Options, reporters: Sequence[Reporter]) -> Report:
        if isinstance(how, BaseException):
            raise how
        for reporter in reporters:
            reporter.finished(how, progress())
        return how

    return run


@pytest.mark.parametrize(
    ("how", "code", "last"),
    [
        (report(tally(1)), 0, "done: 1 image of 1 row (100.0%) in out"),
        (report(tally(1, timeout=9)), 0, "done: 1 image of 10 rows (10.0%) in out"),
        (report(shards_skipped=1), 0, "nothing to do: 1 shard in out was done before"),
        (report(tally(1), shards_not_done=("00001",)), 1, "not done: 1 shard failed (00001)"),
        (report(tally(timeout=9)), 1, "not one image succeeded: 100% are timeout"),
        (OptionError("no such file: x"), 2, "img2dataset: error: no such file: x"),
        (
            MissingExtraError("distributor=ray", "ray", "ray"),
            2,
            (
                "img2dataset: error: distributor=ray needs the package ray: "
                "install it with  pip install 'img2dataset[ray]'"
            ),
        ),
        (
            RunError("disk\nfull"),
            1,
            (
                "img2dataset: error: disk full; what is stored stays: "
                "run the same command again to go on"
            ),
        ),
        (SourceError("gone"), 1, "img2dataset: error: gone; what is stored stays: "),
        (KeyboardInterrupt(), 130, "img2dataset: interrupted: run the same command again"),
        (Terminated(), 143, "img2dataset: interrupted: run the same command again"),
    ],
)
def test_the_exit_code_and_the_last_line_say_how_it_ended(
    how: Report | BaseException, code: int, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["u.txt"], ending(how)) == code

    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(last)


@pytest.mark.parametrize(
    ("how", "last"),
    [
        (SourceError("gone"), "mend the list, then run the same command again{} to go on"),
        (RunError("full"), "what is stored stays: run the same command again{} to go on"),
        (KeyboardInterrupt(), "interrupted: run the same command again{} to go on"),
    ],
)
def test_to_go_on_is_not_to_begin_anew(
    how: BaseException, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for mode, more in (
        ("incremental", ""),
        ("retry", ""),
        ("extend", " with incremental_mode=incremental"),
        ("overwrite", " with incremental_mode=incremental"),
    ):
        main(["u.txt", f"--incremental_mode={mode}"], ending(how))
        assert capsys.readouterr().err.rstrip().endswith(last.format(more))


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        main(["u.txt"], ending(ZeroDivisionError()))


def test_an_interrupted_run_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    def run(_options: Options, reporters: Sequence[Reporter]) -> Report:
        for reporter in reporters:
            reporter.finished(report(tally(1), interrupted=True), progress())
        raise KeyboardInterrupt

    assert main(["u.txt"], run) == 130
    assert capsys.readouterr().err.count("interrupted") == 1


def test_options_reach_the_run_and_reporters_are_closed() -> None:
    seen: list[object] = []

    class Spy:
        def close(self) -> None:
            seen.append("closed")

    def run(options: Options, reporters: Sequence[Reporter]) -> Report:
        seen.append(options)
        reporters.append(Spy())  # type: ignore[attr-defined]
        raise RunError("x")

    assert main(["u.txt", "--image-size=7"], run) == 1
    assert seen == [Options("u.txt", image_size=7), "closed"]


@pytest.mark.parametrize(
    ("flag", "first"),
    [("--help", "img2dataset "), ("--version", "img2dataset "), ("--print_config", "# img2da")],
)
def test_what_is_asked_for_goes_to_stdout(
    flag: str, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([flag]) == 0

    out, err = capsys.readouterr()
    assert out.startswith(first)
    assert err == ""


def test_bad_usage_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--nonsense"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


def test_a_reader_of_stdout_that_has_gone_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "img2dataset", "--help"],
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, b"")


def test_without_stderr_the_exit_code_still_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    assert main([]) == 2


EARLY = """
import os, runpy, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == "img2dataset.reports":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
sys.argv = ["img2dataset", "u.txt"]
runpy.run_module("img2dataset", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent otherwise there")
def test_an_interrupt_while_it_is_imported_is_one_line_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EARLY], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 130
    assert done.stderr == "img2dataset: interrupted: run the same command again to go on\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inspct", "images"], "there is no command 'inspct': did you mean  img2dataset inspect"),
        (["verfy", "images", "--deep"], "no command 'verfy': did you mean  img2dataset verify"),
        (["recipes"], "no command 'recipes': did you mean  img2dataset recipe"),
        (
            ["urls.txt", "urls5.txt"],
            (
                "image_size is 'urls5.txt': it must be a whole number; several lists are written "
                "with commas: urls.txt,urls5.txt"
            ),
        ),
        (["--url_list=a.txt", "b.txt"], "several lists are written with commas: a.txt,b.txt"),
        (["inspect.txt", "0"], "image_size is 0: it must be 1 to 65500"),
    ],
)
def test_a_second_word_that_is_no_size_is_said_to_be_what_it_probably_is(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)

    assert main(words) == 2

    assert said in capsys.readouterr().err


def test_a_list_may_have_a_name_like_that_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inspct").touch()
    seen: list[Options] = []

    def run(options: Options, _reporters: Sequence[Reporter]) -> Report:
        seen.append(options)
        return report(tally(1))

    assert main(["inspct", "128", "out"], run) == 0
    assert (seen[0].url_list, seen[0].image_size, seen[0].output_folder) == ("inspct", 128, "out")


def test_handlers_of_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    main(["u.txt"], ending(report(tally(1))))

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


RUN = """
import sys, time
from img2dataset.cli.command import main

def say(text):
    print(text, flush=True)

def work_for_ever():
    while True:  # not signal.pause(): a signal just before it would be slept through
        time.sleep(0.01)

def run(options, reporters):
    try:
        say("running")  # inside: the signal may come at once
        work_for_ever()
    except KeyboardInterrupt:
        clean(options)
        raise

def clean(options):
    told = False
    while True:
        try:
            if not told:
                told = True
                say("cleaning")
            if not options.retries:
                return
            work_for_ever()
        except KeyboardInterrupt:
            say("not yet")  # retries stands for: cleans for ever, whatever happens

sys.exit(main(sys.argv[1:], run))
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started = []

    def begin(*argv: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", RUN, "u.txt", *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "running\n"
        return child

    yield begin
    for child in started:
        child.kill()
        child.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_cleanly(
    start: Callable[..., subprocess.Popen[str]], number: int, code: int
) -> None:
    child = start()

    child.send_signal(number)
    out, err = child.communicate()

    assert out == "cleaning\n"
    assert child.returncode == code
    assert "Traceback" not in err


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_process_at_once(
    start: Callable[..., subprocess.Popen[str]], second: int
) -> None:
    child = start("--retries=1")
    assert child.stdout is not None

    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == "cleaning\n"
    child.send_signal(second)

    assert child.wait() == 128 + second
