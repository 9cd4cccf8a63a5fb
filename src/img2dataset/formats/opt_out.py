"""What owners say of our use of a row -> metadata: a list of texts, each name=value."""

from __future__ import annotations

import pyarrow as pa

from img2dataset.records import Failure, Sample

SIGNALS_TYPE = pa.list_(pa.string())
"""Type of the column that save_opt_out_signals adds: never null, empty where nothing was said."""


def find_signals(sample: Sample) -> list[str]:
    """All that was said; a download that failed says it itself."""
    match sample.outcome:
        case Failure(signals=signals) if not sample.signals:
            return list(signals)
        case _:
            return list(sample.signals)
