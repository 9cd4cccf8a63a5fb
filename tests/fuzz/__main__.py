"""Fuzz the image stage: `python -m tests.fuzz --seconds 1200 [--engine seeded|atheris]`.

A child process tries inputs.  When it fails (a signal, an exception that is no RowError, more than
30 s, too much memory), the input is kept in --folder, and the next child goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("fuzz"), help="for what is found")
    parser.add_argument(
        "--engine", choices=("seeded", "atheris"),
        default="atheris" if find_spec("atheris") else "seeded",
    )  # fmt: skip
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    end, seed, findings = time.monotonic() + asked.seconds, asked.seed, 0
    while (left := end - time.monotonic()) > 1:
        log = asked.folder / f"log-{seed}"
        with log.open("wb") as file:
            command = [sys.executable, "-m", "tests.fuzz.child", asked.engine, str(left), str(seed), str(asked.folder)]  # fmt: skip
            done = subprocess.run(command, stdout=file, stderr=file, check=False)
        if done.returncode:
            findings += 1
            print(f"finding {findings}: {asked.engine}, seed {seed}, code {done.returncode}, see {log}", flush=True)  # fmt: skip
        seed += 1
    counts = sum(int(path.read_text()) for path in asked.folder.glob("count-*"))
    print(
        f"{findings} findings in {asked.seconds:.0f} s" + (f", {counts} inputs" if counts else "")
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
