"""Make a WebDataset in an object store, of a list that is in the store too.

    STORE=s3://bucket/folder python examples/to_s3.py

The list is $STORE/urls.parquet, with the columns url and caption.  Credentials and endpoint are those
of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, or ~/.aws).
"""
# ruff: noqa: T201, INP001  (a script for people)

from __future__ import annotations

import os
import sys

from img2dataset import download, verify

store = os.environ["STORE"].rstrip("/")
report = download(
    f"{store}/urls.parquet",
    input_format="parquet",
    caption_col="caption",
    output_folder=f"{store}/dataset",
    output_format="webdataset",
    image_size=256,
    max_storage_wait=600,  # seconds that a store may be down before the run stops
)
print(f"{report.successes} images of {report.count} rows are new in {store}/dataset")
print(f"shards that were done before: {report.shards_skipped}")
print("whole" if verify(f"{store}/dataset").whole else "not whole: run this again")
sys.exit(report.exit_code)
