"""Opt-out signals of a row -> metadata: a list of texts, each name=value."""

from __future__ import annotations

import pyarrow as pa

from img2dataset.records import Failure, Sample

SIGNALS_TYPE = pa.list_(pa.string())
"""Type of the column that save_opt_out_signals adds: never null, empty where there was no signal."""


def find_signals(sample: Sample) -> list[str]:
    """Return all signals of a sample; a failed download carries its own."""
    match sample.outcome:
        case Failure(signals=signals) if not sample.signals:
            return list(signals)
        case _:
            return list(sample.signals)
