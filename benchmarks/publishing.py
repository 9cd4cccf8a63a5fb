"""Measure what the card and all indexes of a dataset cost: runs with and without them, in turn.

`python -m benchmarks.publishing [--rows 5000 --rounds 5 --photos FOLDER]`
"""

from __future__ import annotations

from functools import partial

from benchmarks.in_turn import BASE, compare, make_parser, run, serving_list

WAYS = {
    BASE: ["--card=False", "--indexes=[]"],
    "card": ["--card=True", "--indexes=[]"],
    "card and all indexes": ["--card=True", "--indexes=all"],
}


def main() -> None:
    flags = make_parser(__doc__).parse_args()
    with serving_list(flags.photos, flags.rows) as folder:
        runs = {way: partial(run, folder, options) for way, options in WAYS.items()}
        compare(runs, flags.rounds, flags.rows)


if __name__ == "__main__":
    main()
