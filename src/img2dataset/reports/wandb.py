"""What a run did so far -> Weights & Biases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from img2dataset.errors import MissingExtraError, RunError
from img2dataset.report import Progress, Report
from img2dataset.reports.rates import Rates, StoredTotals, compute_shard_rates
from img2dataset.tally import ShardResult, Tally

MAX_STATUSES = 100
"""Rows of the table of statuses."""
TABLE_INTERVAL_S = 60.0
"""Time between two tables: each is a file of its own."""


class WandbReporter:
    """Logs the curves `worker/...` and `total/...`, and a table of the most frequent statuses."""

    def __init__(self, project: str) -> None:
        if find_spec("wandb") is None:
            raise MissingExtraError("enable_wandb", "wandb", "wandb")
        self._project = project
        self._run: Any = None
        self._stored = StoredTotals()
        self._table_at = -math.inf
        self._exit_code = 1

    def started(self, options: Mapping[str, Any], output_folder: str) -> None:  # noqa: ARG002
        import wandb  # noqa: PLC0415  (an extra, and slow to import)

        config = {name: to_plain(value) for name, value in options.items()}
        settings = wandb.Settings(console="off")  # a live display makes no good log
        try:
            self._run = wandb.init(project=self._project, config=config, settings=settings)
        except wandb.errors.Error as error:
            raise RunError(f"enable_wandb: wandb does not start: {error}") from error

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        self._stored = self._stored.plus(result)
        logged = {
            **make_curves("worker", compute_shard_rates(result)),
            **make_curves("total", self._stored.rates),
        }
        if progress.elapsed - self._table_at >= TABLE_INTERVAL_S:
            self._table_at = progress.elapsed
            logged["status"] = make_status_table(self._stored.tally)
        self._run.log(logged)

    def progress(self, progress: Progress) -> None:
        pass

    def notice(self, text: str) -> None:
        pass

    def finished(self, report: Report, progress: Progress) -> None:  # noqa: ARG002
        self._run.log({"status": make_status_table(self._stored.tally)})
        self._exit_code = report.exit_code

    def close(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.finish(exit_code=self._exit_code)


def make_curves(prefix: str, rates: Rates) -> dict[str, float]:
    """Name the curves as 1.47.0 did."""
    return {
        f"{prefix}/img_per_sec": rates.images_per_sec,
        f"{prefix}/success": rates.success,
        f"{prefix}/failed_to_download": rates.failed_to_download,
        f"{prefix}/failed_to_resize": rates.failed_to_resize,
        f"{prefix}/count": rates.count,
    }


def make_status_table(tally: Tally) -> Any:
    import wandb  # noqa: PLC0415

    table = wandb.Table(columns=["status", "frequency", "count"])
    for row in make_status_rows(tally):
        table.add_data(*row)
    return table


def make_status_rows(tally: Tally) -> list[tuple[str, float, int]]:
    """List error strings (or "success") with share and count, the most frequent first."""
    return [
        (label, count / tally.count, count)
        for label, count in tally.labels.most_common(MAX_STATUSES)
    ]


def to_plain(value: Any) -> Any:
    """Return a value that a config can show; for a table given as url_list, its type."""
    simple = (str, int, float, bool, type(None))
    if isinstance(value, simple):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(item, simple) for item in value):
        return list(value)
    return f"<{type(value).__name__}>"
