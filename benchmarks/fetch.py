"""Measure fetching alone, on a site that behaves like the web.

python -m benchmarks.fetch                         # everything: about ten minutes
python -m benchmarks.fetch --cases one https --photos FOLDER --rounds 3
python -m benchmarks.fetch --old /path/to/old/bin/img2dataset --append TABLE.md

Cases with host names run in a network namespace of their own (as root, or where unprivileged user
namespaces are allowed).
"""

from __future__ import annotations

import argparse
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import namespace, old_tool
from benchmarks.errors import BenchmarkError
from benchmarks.fetch_bench import Bench, Role, Tool
from benchmarks.fetch_cases import CASES, Case, Figures
from benchmarks.fetch_table import Measured, table
from benchmarks.photos import make_photos, make_thumbnails
from benchmarks.run import heading
from benchmarks.site import CERTIFICATE, link_photos, serving

OURS = (sys.executable, "-m", "img2dataset")
LOOP = (sys.executable, "-m", "benchmarks.floor")
SYSTEM_STORE = Path("/etc/ssl/certs/ca-certificates.crt")
ONLY_OURS = {"private_addresses": "allow"}
"""Our names lead to this machine, which strangers' names may not."""


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = parse(given)
    try:
        old = old_tool.old_program(arguments.old)
        forbidden = None if namespace.is_inside() else namespace.why_not()
        if not namespace.is_inside() and forbidden is None:
            namespace.enter("benchmarks.fetch", given)
        cases = runnable([CASES[name] for name in arguments.cases], forbidden)
        text, valid = run(cases, tools(arguments.ours, old), arguments)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 2
    print(text)
    if not valid:
        print("a run went wrong: nothing was added to the results", file=sys.stderr)
        return 1
    if arguments.append is not None:
        with arguments.append.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")
    return 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fetch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=Path, help="folder of JPEGs (default: makes some)")
    parser.add_argument("--old", type=Path, help="the old tool's program (default: installs it)")
    parser.add_argument("--ours", type=Path, help="our program (default: this environment's)")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each tool (default 1)")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--tools", nargs="+", choices=[role.name.lower() for role in Role])
    parser.add_argument("--append", type=Path, metavar="FILE", help="add the table to FILE")
    return parser.parse_args(argv)


def runnable(cases: Sequence[Case], forbidden: str | None) -> list[Case]:
    """Return the cases that can run here; print the names of the others."""
    found = []
    for case in cases:
        if case.needs_names and forbidden is not None:
            print(f"{case.name} left out: no network namespace ({forbidden})", file=sys.stderr)
        elif case.memory > available_memory():
            print(f"{case.name} left out: {case.memory / 1e9:.0f} GB must be free", file=sys.stderr)
        else:
            found.append(case)
    if not found:
        raise BenchmarkError("no case can run here")
    return found


def available_memory() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


def tools(ours: Path | None, old: Path) -> dict[Role, Tool]:
    program = OURS if ours is None else (str(ours),)
    options = known_options(program)
    found = (
        Tool(Role.OLD, (str(old),)),
        Tool(Role.ALIKE, program, options),
        Tool(Role.ALONE, program, options),
        Tool(Role.LOOP, LOOP),
        Tool(Role.HASHING_LOOP, (*LOOP, "--sha256")),
    )
    return {tool.role: tool for tool in found}


def known_options(program: Sequence[str]) -> dict[str, str]:
    """Drop the options that the measured version lacks: it may be an older one."""
    helped = subprocess.run([*program, "--help"], capture_output=True, text=True, check=False)
    if helped.returncode != 0:
        raise BenchmarkError(f"{program[0]} --help failed: {helped.stderr[-500:]}")
    return {name: value for name, value in ONLY_OURS.items() if name in helped.stdout}


def run(
    cases: Sequence[Case], tools: Mapping[Role, Tool], arguments: argparse.Namespace
) -> tuple[str, bool]:
    """Run the cases; return the text to print, and whether every run counts."""
    with tempfile.TemporaryDirectory(prefix="img2dataset-bench-") as name:
        folder = Path(name)
        photos = arguments.photos
        if photos is None:
            photos = folder / "made"
            make_photos(photos)
        make_thumbnails(photos, folder / "thumbnails")
        place = folder / "site"
        (place / "photos").mkdir(parents=True)
        link_photos(folder / "thumbnails", place / "photos" / "thumbnails")
        if namespace.is_inside():
            namespace.furnish(folder)
        address = "0.0.0.0" if namespace.is_inside() else "127.0.0.1"
        with serving(photos, place, address=address, https=True) as site:
            bench = Bench(folder, environment(place), site, folder / "thumbnails")
            wanted = arguments.tools or [role.name.lower() for role in Role]
            measured = [
                measure_case(
                    case,
                    bench,
                    [tools[role] for role in case.roles if role.name.lower() in wanted],
                    rounds=arguments.rounds,
                )
                for case in cases
            ]
    remarks = [f"* {remark}" for remark in bench.remarks]
    rounds = f"Medians of {arguments.rounds} rounds, the tools in turn."
    top = heading("benchmarks.fetch", *([arguments.photos] if arguments.photos else []))
    return "\n".join([top, "", table(measured), "", rounds, *remarks]), not bench.invalid


def environment(site: Path) -> dict[str, str]:
    """Return an environment without proxies, in which only the site's certificate is trusted."""
    kept = {name: value for name, value in os.environ.items() if "_proxy" not in name.lower()}
    kept.pop("SSL_CERT_DIR", None)
    return {**kept, **old_tool.ENVIRONMENT, "SSL_CERT_FILE": str(trusted(site))}


def trusted(site: Path) -> Path:
    """Write a CA bundle of the usual size: the system's certificates and the site's."""
    file = site / "trusted.pem"
    system = Path(ssl.get_default_verify_paths().openssl_cafile)
    usual = [path for path in (system, SYSTEM_STORE) if path.is_file()]
    stores = [*usual[:1], site / CERTIFICATE]
    file.write_text("\n".join(path.read_text() for path in stores))
    return file


def measure_case(case: Case, bench: Bench, tools: Sequence[Tool], *, rounds: int) -> Measured:
    """Run each tool once in each round: a disturbance of the machine hits all."""
    if case.advance:
        print(f"{case.name}: {case.advance}", file=sys.stderr)
    found: dict[Role, list[Figures]] = {tool.role: [] for tool in tools}
    for number in range(1, rounds + 1):
        for tool in tools:
            bench.about = f"{case.name}, round {number}, {tool.role.value}"
            began = time.monotonic()
            figures = case.run(bench, tool)
            found[tool.role].append(figures)
            said = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            took = time.monotonic() - began
            print(f"{bench.about}: {said} ({took:.0f} s)", file=sys.stderr, flush=True)
    return Measured(case, found)


if __name__ == "__main__":
    sys.exit(main())
