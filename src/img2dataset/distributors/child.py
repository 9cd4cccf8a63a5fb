"""Run one worker in a fresh process: the other end of `local`.

It imports what it will need before its job arrives: the parent opens the list meanwhile.
Commands come on standard input; when that closes, the parent is gone, and the process exits.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import pickle
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import IO, Any

from img2dataset.process.spawn import EXIT_CRASHED, EXIT_ORPHANED, open_pipes_to_parent
from img2dataset.process.startup import start_minimal


class PipeLink:
    """Pickled messages over two pipes."""

    def __init__(self, commands: IO[bytes], replies: IO[bytes]) -> None:
        self._commands = commands
        self._replies = replies
        self._sending = threading.Lock()

    def send(self, message: Any) -> None:
        data = pickle.dumps(message, protocol=5)
        try:
            with self._sending:
                self._replies.write(data)
                self._replies.flush()
        except BrokenPipeError:
            os._exit(EXIT_ORPHANED)

    def receive(self) -> Any:
        """Wait for the next message; end the process if the parent is gone."""
        try:
            return pickle.load(self._commands)  # noqa: S301  (from our own parent)
        except (EOFError, pickle.UnpicklingError, OSError):
            # at once and without any clean-up: the next run removes what was being written
            os._exit(EXIT_ORPHANED)

    def listen(self, handle: Callable[[Any], None]) -> None:
        def run() -> None:
            while True:
                handle(self.receive())

        threading.Thread(target=run, name="commands", daemon=True).start()


def crash(args: threading.ExceptHookArgs) -> None:
    """End the worker with a traceback: an unexpected exception in any thread is a bug."""
    sys.__excepthook__(args.exc_type, args.exc_value or SystemExit(), args.exc_traceback)
    sys.stderr.flush()
    os._exit(EXIT_CRASHED)


def main() -> None:
    link = PipeLink(*open_pipes_to_parent())
    faulthandler.enable()
    threading.excepthook = crash
    start_minimal()
    module, _, function = sys.argv[3].partition(":")
    serve = getattr(import_module(module), function)
    gc.freeze()  # what is imported stays
    serve(link.receive(), link)
    # the work is done and everything is closed; taking large libraries down in order is slow
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
