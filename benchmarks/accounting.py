"""Measure what accounting costs a run: this code and that of another checkout, in turn.

`python -m benchmarks.accounting OTHER/src [--rows 5000 --rounds 5 --photos FOLDER]`
The other checkout is one before accounting, with its C modules.
"""

from __future__ import annotations

import compileall
from functools import partial
from pathlib import Path

from benchmarks.in_turn import BASE, compare, make_parser, run, serving_list

HERE = Path(__file__).parents[1] / "src"
WAYS = {"resized": [], "not decoded": ["--disable_all_reencoding=True"]}
"""Beside rows that are not decoded everything else weighs most."""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("other", type=Path)
    flags = parser.parse_args()
    for source in (flags.other, HERE):  # else one of them may compile itself in each run
        compileall.compile_dir(source, quiet=1)
    with serving_list(flags.photos, flags.rows) as folder:
        for way, options in WAYS.items():
            print(f"\n{way}:\n")
            sources = {BASE: flags.other, "with": HERE}
            runs = {
                name: partial(run, folder, options, {"PYTHONPATH": str(source)})
                for name, source in sources.items()
            }
            compare(runs, flags.rounds, flags.rows)


if __name__ == "__main__":
    main()
