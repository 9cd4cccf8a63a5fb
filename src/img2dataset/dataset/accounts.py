"""What runs took <-> a small file in the hidden folder, so that a report can tell afterwards.

Each part of a run has a file of its own: the newest runs, and the sum of those before.  Old readers pass
it by, and however often a dataset is completed, it stays small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from img2dataset.accounting.account import Account
from img2dataset.accounting.bottleneck import Capacity
from img2dataset.json_text import to_compact_json
from img2dataset.storage.folder import HIDDEN, Folder

ACCOUNTS = f"{HIDDEN}/accounts"
MAX_RUNS = 10
"""Runs that one file keeps apart: the newest ones, after the sum of those before."""
MAX_HOSTS = 100
"""Hosts that are stored of a run by rows, and as many by failures."""


@dataclass(frozen=True, slots=True)
class RunAccount:
    """What one run took, as far as it got."""

    began: float
    """Seconds since the epoch."""
    elapsed: float
    """Seconds."""
    rows: int
    successes: int
    capacity: Capacity
    account: Account
    bottleneck: str | None
    """The sentence on what limited it; None if it was too short to say."""
    runs: int = 1
    """More than one: the sum of the oldest runs, with the sentence of the longest of them."""

    def plus(self, later: RunAccount) -> RunAccount:
        """Add a later run."""
        longest = max((self, later), key=lambda run: (run.bottleneck is not None, run.elapsed))
        return RunAccount(
            self.began,
            self.elapsed + later.elapsed,
            self.rows + later.rows,
            self.successes + later.successes,
            longest.capacity,
            self.account + later.account,
            longest.bottleneck,
            self.runs + later.runs,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {
            "began": round(self.began, 3),
            "elapsed": round(self.elapsed, 3),
            "rows": self.rows,
            "successes": self.successes,
            "workers": self.capacity.workers,
            "image_threads": self.capacity.image_threads,
            "transfers": self.capacity.transfers,
            "cores": round(self.capacity.cores, 3),
            "account": replace(self.account, hosts=self.account.hosts.trim(MAX_HOSTS)).to_dict(),
            "bottleneck": self.bottleneck,
            "runs": self.runs,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunAccount:
        """Read `to_dict` back.

        Raises:
            ValueError: other values.
        """
        try:
            said = values["bottleneck"]
            return cls(
                float(values["began"]),
                float(values["elapsed"]),
                int(values["rows"]),
                int(values["successes"]),
                Capacity(
                    int(values["workers"]),
                    int(values["image_threads"]),
                    int(values["transfers"]),
                    float(values["cores"]),
                ),
                Account.from_dict(values["account"]),
                None if said is None else str(said),
                int(values.get("runs", 1)),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no account of a run: {error}") from error


def accounts_name(part_of: tuple[int, int]) -> str:
    """Return the name of the file of a part, (number, parts); it is JSON without that suffix, as the
    identity."""
    number, parts = part_of
    return f"{ACCOUNTS}/{number}-of-{parts}"


def read_accounts(folder: Folder, name: str) -> list[RunAccount]:
    """Read one file, oldest run first; a missing or damaged one has no runs."""
    try:
        runs = orjson.loads(folder.read(name))["runs"]
        return [RunAccount.from_dict(each) for each in runs]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def read_all_accounts(folder: Folder) -> list[RunAccount]:
    """Read the files of all parts, oldest run first."""
    names = [f"{ACCOUNTS}/{name}" for name in folder.names(ACCOUNTS)]
    runs = [run for name in sorted(names) for run in read_accounts(folder, name)]
    return sorted(runs, key=lambda run: run.began)


def write_accounts(folder: Folder, name: str, runs: Iterable[RunAccount]) -> None:
    """Write one file, whole; of the oldest runs the sum is kept.

    Raises:
        OSError: the folder cannot be written.
    """
    kept = list(runs)
    while len(kept) > MAX_RUNS + 1:
        kept[:2] = [kept[0].plus(kept[1])]
    folder.write(name, to_compact_json({"version": 1, "runs": [run.to_dict() for run in kept]}))
