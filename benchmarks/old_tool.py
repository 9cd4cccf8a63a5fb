"""Find the released img2dataset 1.47.0, or install it into a venv of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.errors import BenchmarkError

RELEASE = "1.47.0"
VENV = Path(__file__).parent / ".old-venv"
PROGRAM = VENV / "bin" / "img2dataset"
ENVIRONMENT = {"NO_ALBUMENTATIONS_UPDATE": "1"}
"""A library of the old tool asks the internet for its newest version at every start."""


def old_program(named: Path | None) -> Path:
    """Return the old tool's program: the one given, or the one in its venv."""
    if named is not None:
        if not named.is_file():
            raise BenchmarkError(f"--old {named}: no such file")
        return named
    if not PROGRAM.exists():
        install()
    return PROGRAM


def install() -> None:
    sys.stderr.write(f"installing img2dataset {RELEASE} into {VENV} (once)\n")
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    done = subprocess.run([*pip, f"img2dataset=={RELEASE}"], check=False)
    if done.returncode != 0 or not PROGRAM.exists():
        raise BenchmarkError(f"img2dataset {RELEASE} could not be installed; pip says why above")
