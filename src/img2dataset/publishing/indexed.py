"""What `img2dataset.index` returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Indexed:
    """What `img2dataset.index` did."""

    output_folder: str
    shards: int
    """Tars of shards that are done, without damaged ones."""
    samples: int
    """In all of them."""
    indexes: tuple[str, ...]
    """The kinds of indexes that the dataset has now: see the option of this name."""
    written: int
    """Files beside tars that were written; all others were right."""
    damaged: tuple[str, ...] = ()
    """Shards that cannot be indexed, each with the reason."""

    @property
    def exit_code(self) -> int:
        """0 = every shard is indexed; 1 = some are damaged."""
        return 1 if self.damaged else 0
