"""The command line as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import final

SECONDS = 90.0


@final
class Running:
    """A run under way; what it says is at hand as it comes."""

    def __init__(self, options: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "img2dataset", *options],
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONFAULTHANDLER": "1", **(environment or {})},
        )  # fmt: skip
        self.errors = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.errors += line

    def until(self, condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.process.kill()
                self.end()
                raise AssertionError(f"never: {what}\n{self.errors}")
            time.sleep(0.02)

    def until_it_says(self, text: str, seconds: float = SECONDS) -> None:
        self.until(lambda: text in self.errors, text, seconds)

    def end(self) -> int:
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler says where it was
            self.process.wait()
            self._reader.join()
            raise AssertionError(f"not over after {SECONDS} s\n{self.errors}") from None
        self._reader.join()
        return code


def run(options: list[str], environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit code, and what it said."""
    running = Running(options, environment)
    return running.end(), running.errors


def write_list(path: Path, urls: list[str]) -> Path:
    path.write_text("\n".join(urls))
    return path
