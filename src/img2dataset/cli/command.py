"""argv -> a run -> exit code."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from img2dataset.cli.parse import parse
from img2dataset.errors import Img2datasetError, OptionError, SourceError
from img2dataset.options import Options
from img2dataset.process.startup import start_minimal
from img2dataset.report import Report
from img2dataset.reports import Reporter, find_reporters
from img2dataset.reports.advice import ONCE_ONLY, SAME_COMMAND
from img2dataset.reports.display import writes_json

Run = Callable[[Options, Sequence[Reporter]], Report]

RECIPE = "recipe"
"""The first word of a command that may become a run; see COMMANDS for the others."""
BAD_USAGE = 2
NOT_DONE = 1
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM: the run ends as on Ctrl-C."""


def main(argv: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Run a command line; return the exit code."""
    if argv is None:  # the process is ours
        start_minimal()
    asked: Options | str = ""
    words = sys.argv[1:] if argv is None else argv
    try:
        with _interruptible():
            for name, command in COMMANDS.items():
                if is_command(name, words):
                    return command(words[1:])
            asked = _parse_recipe(words[1:]) if is_command(RECIPE, words) else parse(words)
            return _show(asked) if isinstance(asked, str) else _run(asked, run or _import_run())
    except OptionError as error:
        _complain("error", find_unknown_command(words) or str(error), asked)
        return BAD_USAGE
    except SourceError as error:
        # the dataset is then compared with the list as it is: see list_changes.py
        then = f"mend the list, then {_advise_resuming(asked)}"
        _complain("error", f"{error}; what is stored stays: {then}", asked)
        return NOT_DONE
    except Img2datasetError as error:
        _complain("error", f"{error}; what is stored stays: {_advise_resuming(asked)}", asked)
        return NOT_DONE
    except KeyboardInterrupt as interrupt:
        _complain("interrupted", _advise_resuming(asked), asked)
        return _find_exit_code(interrupt)


def _advise_resuming(asked: Options | str) -> str:
    """Say how to resume a run that ended early; some modes begin something new each time."""
    is_new = isinstance(asked, Options) and asked.incremental_mode in ONCE_ONLY
    return f"{SAME_COMMAND}{' with incremental_mode=incremental' if is_new else ''} to go on"


def is_command(name: str, words: Sequence[str]) -> bool:
    """Whether the first word is the command `name`, not a list of that name."""
    return bool(words) and words[0] == name and not os.path.lexists(name)


def find_unknown_command(words: Sequence[str]) -> str | None:
    """Describe the first word if it is probably meant as a command; None if it is a list or URL."""
    word = words[0] if words else ""
    if not re.fullmatch(r"[A-Za-z]+", word) or word in COMMANDS or os.path.lexists(word):
        return None
    from difflib import get_close_matches  # noqa: PLC0415  (for the message of an error)

    near = get_close_matches(word, (*COMMANDS, RECIPE), n=1, cutoff=0.75)
    return f"there is no command {word!r}: did you mean  img2dataset {near[0]}" if near else None


def _parse_recipe(words: Sequence[str]) -> Options | str:
    from img2dataset.cli.recipe import parse_recipe  # noqa: PLC0415  (few ask for it)

    return parse_recipe(words)


def _verify(words: Sequence[str]) -> int:
    # imported here, as below
    from img2dataset.cli.parse_verify import parse_verify  # noqa: PLC0415

    asked = parse_verify(words)
    if isinstance(asked, str):
        return _show(asked)
    from img2dataset.verification.main import summarize, verify_folder  # noqa: PLC0415

    found = verify_folder(
        asked.output_folder,
        deep=asked.deep,
        repair=asked.repair,
        allow_gaps=asked.allow_gaps,
        say=_say_found,
    )
    _say_found(summarize(found))
    return found.exit_code


def _write_card(words: Sequence[str]) -> int:
    from img2dataset.cli.parse_card import parse_card  # noqa: PLC0415  (as above)

    asked = parse_card(words)
    if isinstance(asked, str):
        return _show(asked)
    from img2dataset.api import card  # noqa: PLC0415

    notices = card(asked.output_folder)
    for line in notices or (f"the card of {asked.output_folder} is written",):
        _say_found(line)
    return 0


def _push(words: Sequence[str]) -> int:
    from img2dataset.cli.parse_push import parse_push  # noqa: PLC0415

    asked = parse_push(words)
    if isinstance(asked, str):
        return _show(asked)
    from img2dataset.hub.push import push_folder  # noqa: PLC0415

    page = push_folder(asked.output_folder, asked.destination, public=asked.public, say=_say)
    return _show(f"{page}\n")


def _index(words: Sequence[str]) -> int:
    from img2dataset.cli.parse_index import parse_index  # noqa: PLC0415  (as above)

    asked = parse_index(words)
    if isinstance(asked, str):
        return _show(asked)
    from img2dataset.publishing.indexing import index_dataset, summarize  # noqa: PLC0415

    done = index_dataset(asked.output_folder, asked.indexes, _say_found)
    _say_found(summarize(done))
    return done.exit_code


def _inspect(words: Sequence[str]) -> int:
    from img2dataset.cli.insight import run_inspect  # noqa: PLC0415

    return run_inspect(words, _show, _say)


def _write_report(words: Sequence[str]) -> int:
    from img2dataset.cli.insight import run_report  # noqa: PLC0415

    return run_report(words, _show, _say)


def _estimate(words: Sequence[str]) -> int:
    from img2dataset.cli.estimate import run_estimate  # noqa: PLC0415

    return run_estimate(words, _show, _say)


def _examine(words: Sequence[str]) -> int:
    from img2dataset.cli.doctor import run_doctor  # noqa: PLC0415

    return run_doctor(words, _show)


COMMANDS = {
    "verify": _verify,
    "push": _push,
    "card": _write_card,
    "index": _index,
    "inspect": _inspect,
    "report": _write_report,
    "estimate": _estimate,
    "doctor": _examine,
}
"""First word -> what does the rest of the line, and gives the exit code."""


def _say_found(line: str) -> None:
    _show(f"{' '.join(line.splitlines())}\n")


def _import_run() -> Run:
    # imported here, so that --help and a wrong flag are answered at once
    from img2dataset.run.main import run  # noqa: PLC0415

    return run


def _run(options: Options, run: Run) -> int:
    reporters = find_reporters(options)
    try:
        return run(options, reporters).exit_code
    except KeyboardInterrupt as interrupt:
        if any(_has_concluded(reporter) for reporter in reporters):
            return _find_exit_code(interrupt)  # the last line is printed
        raise
    finally:
        for reporter in reporters:
            reporter.close()


def _has_concluded(reporter: Reporter) -> bool:
    return getattr(reporter, "concluded", False)  # of those that show a run


def _find_exit_code(interrupt: KeyboardInterrupt) -> int:
    return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED


def _show(text: str) -> int:
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:  # `| head` has closed the pipe; keep Python from writing again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _complain(event: str, text: str, asked: Options | str) -> None:
    """Say why the command ends early, as log_format asks for."""
    if isinstance(asked, Options) and writes_json(asked):
        from img2dataset.reports.json_lines import make_line  # noqa: PLC0415  (see --help)
        from img2dataset.reports.screen import read_clock  # noqa: PLC0415

        _print_error(make_line(event, read_clock(), message=text).rstrip())
    else:
        _say(f"{event}: {text}")


def _say(text: str) -> None:
    """Print one line on stderr, without the line breaks of a library's message."""
    _print_error(f"img2dataset: {' '.join(text.splitlines())}")


def _print_error(line: str) -> None:
    if sys.stderr is None:  # closed: there is still the exit code
        return
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM raise inside the block; the second one exits at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup and `command &` in a script ask
            signal.signal(number, _raise_interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise_interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) is _raise_interrupt:
            signal.signal(each, _exit_at_once)
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _exit_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    if os.isatty(2):
        os.write(2, b"\x1b[?25h\n")  # the live display had hidden the cursor
    os._exit(128 + number)
