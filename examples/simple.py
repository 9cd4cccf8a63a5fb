"""Make a dataset of urls.txt in images/, and say which rows have no image, and why.

    python examples/simple.py

Run it again: what is done is not done twice.
"""
# ruff: noqa: T201, INP001  (a script for people)

from __future__ import annotations

import sys

from img2dataset import download

report = download(
    "urls.txt",
    output_folder="images",
    image_size=256,
    resize_mode="keep_ratio",
    resize_only_if_bigger=True,
)

if report.shards_done:
    print(f"{report.successes} images of {report.count} rows in {report.duration:.1f} s")
else:
    print(f"nothing to do: shards that were done before: {report.shards_skipped}")
for row in report.failures():
    print(row["url"], "-", row["error_message"])
sys.exit(report.exit_code)
