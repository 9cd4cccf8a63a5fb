"""url_list=- -> a temporary file with the content of standard input.

A list is read more than once: both ends of a file identify it when a run is resumed.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any

from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.storage.failures import one_line

STANDARD_INPUT = "-"


def save_standard_input(options: Options, stack: ExitStack) -> Any:
    """Return the list to open; `stack` removes the file that holds standard input."""
    # the type first: to compare a pandas frame with a text gives a frame
    if not isinstance(options.url_list, str) or options.url_list != STANDARD_INPUT:
        return options.url_list
    if options.input_format == "parquet" and options.distributor != "multiprocessing":
        raise OptionError(
            f"url_list is '-' and distributor is {options.distributor!r}: workers on other "
            "machines read Parquet files themselves; put the list where all of them see it"
        )
    try:
        folder = Path(mkdtemp(prefix="img2dataset-list-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        path = folder / f"stdin.{options.input_format}"
        with path.open("wb") as file:
            shutil.copyfileobj(get_standard_input(), file)
    except OSError as error:
        raise OptionError(
            f"url_list is '-': standard input cannot be kept in a temporary file "
            f"({one_line(error)}); TMPDIR names the folder for it"
        ) from error
    if path.stat().st_size == 0:
        raise OptionError("url_list is '-': there is nothing in standard input")
    return str(path)


def get_standard_input() -> IO[bytes]:
    """Return standard input; an empty stream if the program has none, as in a notebook."""
    stream = getattr(sys.stdin, "buffer", None)
    return BytesIO() if stream is None else stream
