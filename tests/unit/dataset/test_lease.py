"""When the holder of a lease counts as dead."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from img2dataset.dataset import lease
from img2dataset.dataset.lease import HolderWatch, LeaseTimes

TIMES = LeaseTimes(heartbeat_s=10.0, timeout_s=35.0, poll_s=1.0)


@pytest.mark.parametrize(
    ("looks", "dead_at"),
    [
        ([(second, "a") for second in range(60)], 36),
        ([(second, "a" if second < 20 else "b") for second in range(60)], 56),
        ([(second, second // 30) for second in range(300)], None),
        ([(second, "a") for second in range(60) if not 20 < second <= 50], None),
        ([(second, "a") for second in range(90) if not 20 < second <= 50], 87),
    ],
    ids=["silent", "silent after a heartbeat", "slow heartbeats", "no looks", "silent after that"],
)
def test_a_holder_is_dead_when_many_looks_have_seen_the_same(
    looks: list[tuple[int, object]], dead_at: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: clock.now))
    watch = HolderWatch(TIMES)
    dead = []
    for second, seen in looks:
        clock.now = float(second)
        if watch.is_dead(seen):
            dead.append(second)

    assert (dead[0] if dead else None) == dead_at
