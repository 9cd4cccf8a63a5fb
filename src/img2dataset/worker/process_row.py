"""A row and its body -> a sample: hash, compare, process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from img2dataset.errors import Reason, RowError
from img2dataset.formats import find_format
from img2dataset.images.marks import find_marks
from img2dataset.options import Options
from img2dataset.records import Body, EncodedImage, Failure, Row, Sample


def make_process(
    options: Options, picture: Callable[[Row, Body], EncodedImage], say: Callable[[str], None]
) -> Callable[[Row, Body], Sample]:
    """Make the step from a body to a sample.  It is called from several threads."""
    pair = options.verify_hash
    check = None
    if pair is not None:
        from img2dataset.worker.hash_check import HashCheck  # noqa: PLC0415  (few runs check them)

        check = HashCheck(pair[0], pair[1], say)
    # the metadata of a dummy shard goes nowhere: no hash is needed for it
    stores_rows = find_format(options.output_format).stores_rows
    wanted = options.compute_hash if check or stores_rows else None
    hashed = None if wanted is None else getattr(hashlib, wanted)

    def process(row: Row, body: Body) -> Sample:
        digest = hashed(body.data).hexdigest() if hashed is not None else None
        signals = body.signals + find_marks(body.data) if options.save_opt_out_signals else ()
        if check is not None and not check.is_right(row, digest or ""):
            mismatch = Failure.of(RowError(Reason.HASH_MISMATCH))
            return Sample(row, mismatch, fetched=body.fetched, signals=signals)
        try:
            return Sample(row, picture(row, body), digest, body.fetched, signals)
        except RowError as error:
            return Sample(row, Failure.of(error), fetched=body.fetched, signals=signals)

    return process
