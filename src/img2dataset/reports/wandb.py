"""What a run did so far -> Weights & Biases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from img2dataset.errors import MissingExtraError, RunError
from img2dataset.report import Progress, Report
from img2dataset.reports.rates import Rates, Stored, rates_of_shard
from img2dataset.tally import ShardResult, Tally

MAX_STATUSES = 100
"""Rows of the table of statuses."""
TABLE_SECONDS = 60.0
"""Between two tables: each is a file of its own."""


class WandbReporter:
    """Logs the curves `worker/...` and `total/...`, and a table of the most frequent statuses."""

    def __init__(self, project: str) -> None:
        if find_spec("wandb") is None:
            raise MissingExtraError("enable_wandb", "wandb", "wandb")
        self._project = project
        self._run: Any = None
        self._stored = Stored()
        self._table_at = -math.inf
        self._exit_code = 1

    def started(self, options: Mapping[str, Any], output_folder: str) -> None:  # noqa: ARG002
        import wandb  # noqa: PLC0415  (an extra, and slow to import)

        config = {name: plain(value) for name, value in options.items()}
        settings = wandb.Settings(console="off")  # a live display makes no good log
        try:
            self._run = wandb.init(project=self._project, config=config, settings=settings)
        except wandb.errors.Error as error:
            raise RunError(f"enable_wandb: wandb does not start: {error}") from error

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        self._stored = self._stored.plus(result)
        logged = {
            **curves("worker", rates_of_shard(result)),
            **curves("total", self._stored.rates),
        }
        if progress.elapsed - self._table_at >= TABLE_SECONDS:
            self._table_at = progress.elapsed
            logged["status"] = status_table(self._stored.tally)
        self._run.log(logged)

    def progress(self, progress: Progress) -> None:
        pass

    def notice(self, text: str) -> None:
        pass

    def finished(self, report: Report, progress: Progress) -> None:  # noqa: ARG002
        self._run.log({"status": status_table(self._stored.tally)})
        self._exit_code = report.exit_code

    def close(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.finish(exit_code=self._exit_code)


def curves(prefix: str, rates: Rates) -> dict[str, float]:
    """The names are the old tool's."""
    return {
        f"{prefix}/img_per_sec": rates.images_per_sec,
        f"{prefix}/success": rates.success,
        f"{prefix}/failed_to_download": rates.failed_to_download,
        f"{prefix}/failed_to_resize": rates.failed_to_resize,
        f"{prefix}/count": rates.count,
    }


def status_table(tally: Tally) -> Any:
    import wandb  # noqa: PLC0415

    table = wandb.Table(columns=["status", "frequency", "count"])
    for row in status_rows(tally):
        table.add_data(*row)
    return table


def status_rows(tally: Tally) -> list[tuple[str, float, int]]:
    """Error string (or "success"), its share, its count: the most frequent first."""
    return [
        (label, count / tally.count, count)
        for label, count in tally.labels.most_common(MAX_STATUSES)
    ]


def plain(value: Any) -> Any:
    """What a config can show; of a table given as url_list, its kind."""
    simple = (str, int, float, bool, type(None))
    if isinstance(value, simple):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(item, simple) for item in value):
        return list(value)
    return f"<{type(value).__name__}>"
