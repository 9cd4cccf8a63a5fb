"""`make chaos ROUNDS=2000`: a long campaign; says what it found, as a line for RESULTS.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.plans import Plan, plan_of
from tests.chaos.rounds import Campaign, RoundError
from tests.site import Site


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first round")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--s3", action="store_true", help="write to an S3 server")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    flags = parser.parse_args()
    begun = time.monotonic()
    codes: Counter[int] = Counter()
    failures: list[str] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="img2dataset-chaos-")))
        campaign = campaign_in(folder, stack, s3=flags.s3)

        def play(plan: Plan) -> None:
            if time.monotonic() - begun > flags.seconds:
                return
            try:
                codes[campaign.play(plan)] += 1
            except RoundError as error:
                failures.append(str(error))
                print(f"LOST {error}", flush=True)
            if sum(codes.values()) % 100 == 0:
                print(f"{sum(codes.values())} rounds, {len(failures)} lost", flush=True)

        plans = [plan_of(flags.first + n, remote=flags.s3) for n in range(flags.rounds)]
        with ThreadPoolExecutor(flags.jobs) as pool:
            list(pool.map(play, plans))
    print(
        f"{sum(codes.values()) + len(failures)} rounds from seed {flags.first}"
        f"{' on S3' if flags.s3 else ''}, {len(failures)} with a loss, "
        f"{campaign.struck} of them hurt in time, {time.monotonic() - begun:.0f} s; exits of the hurt runs: "
        + ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
    )
    return 1 if failures else 0


def campaign_in(folder: Path, stack: ExitStack, *, s3: bool) -> Campaign:
    site = stack.enter_context(Site())
    if not s3:
        return Campaign(site, folder)
    from tests.stores.s3 import S3Campaign, S3Server  # noqa: PLC0415  (an extra)

    return S3Campaign.on(site, folder, stack.enter_context(S3Server()))


if __name__ == "__main__":
    sys.exit(main())
