"""Which of the processes of a distributed program this is, and which of them fetches."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from img2dataset.errors import OptionError

JOB_VARIABLES = (
    "MASTER_ADDR",
    "MASTER_PORT",
    "TORCHELASTIC_RUN_ID",
    "SLURM_JOB_ID",
    "SLURM_STEP_ID",
)
"""Variables of the environment that all ranks of a program have in common, and two programs do not."""

_datasets: Counter[str] = Counter()
"""Program -> streams so far: every rank makes the same ones, in the same order."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """The place of this process among all ranks; those of a machine follow each other."""

    rank: int
    world_size: int
    local_world_size: int

    @property
    def node(self) -> int:
        return self.rank // self.local_world_size

    @property
    def nodes(self) -> int:
        return self.world_size // self.local_world_size

    @property
    def is_leader(self) -> bool:
        """Whether this process fetches, for all ranks of its machine."""
        return self.rank % self.local_world_size == 0


def find_ranks(
    rank: int | None,
    world_size: int | None,
    local_world_size: int | None,
    environ: Mapping[str, str] = os.environ,
) -> Ranks:
    """Find the ranks: as given, as torch.distributed says, or the environment.

    Raises:
        OptionError: they make no sense.
    """
    if (rank is None) != (world_size is None):
        raise OptionError("rank and world_size must be given together")
    if rank is not None and world_size is not None:
        here, all_ranks = rank, world_size
    else:
        here, all_ranks = ask_torch() or (
            read_number(environ, "RANK", 0),
            read_number(environ, "WORLD_SIZE", 1),
        )
    if not 0 <= here < all_ranks:
        raise OptionError(f"rank is {here} and world_size is {all_ranks}: 0 <= rank < world_size")
    local = local_world_size or read_number(environ, "LOCAL_WORLD_SIZE", all_ranks)
    if local < 1 or all_ranks % local:
        raise OptionError(
            f"local_world_size is {local} and world_size is {all_ranks}: each machine must have as "
            "many ranks as the others"
        )
    return Ranks(here, all_ranks, local)


def ask_torch() -> tuple[int, int] | None:
    """Ask torch.distributed, if the program uses it."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return int(distributed.get_rank()), int(distributed.get_world_size())


def read_number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise OptionError(f"{name} is {text!r} in the environment: it must be a number") from error


def choose_address_file(ranks: Ranks, environ: Mapping[str, str] = os.environ) -> Path:
    """Choose the file through which the ranks of a machine find the one that fetches."""
    values = [environ.get(name, "") for name in JOB_VARIABLES]
    job = values if any(values) else [str(os.getppid())]
    program = json_key([*job, ranks.world_size, ranks.local_world_size, ranks.node])
    _datasets[program] += 1
    name = sha256(f"{program} {_datasets[program]}".encode()).hexdigest()[:32]
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"img2dataset-{user}" / f"{name}.json"


def json_key(values: list[str | int]) -> str:
    return "\n".join(map(str, values))
