"""Make a WebDataset of urls.parquet on a Ray cluster; docs/ray.md explains it.

    python examples/on_ray.py

Needs `pip install 'img2dataset[ray]'`.
"""
# ruff: noqa: T201, INP001  (a script for people)

import ray

from img2dataset import download

ray.init()  # the cluster of RAY_ADDRESS, or the one that this machine belongs to
report = download(
    "urls.parquet",
    input_format="parquet",
    caption_col="caption",
    output_folder="dataset",  # yours: "s3://bucket/dataset", or a folder that all machines share
    output_format="webdataset",
    number_sample_per_shard=10_000,
    image_size=256,
    distributor="ray",
)
print(report.successes, "of", report.count, "not done:", report.shards_not_done)
ray.shutdown()
