"""Make a WebDataset of urls.parquet on a Spark cluster; docs/spark.md explains it.

    python examples/on_spark.py

Needs `pip install 'img2dataset[pyspark]'`, Java 17 or newer.
"""
# ruff: noqa: T201, INP001  (a script for people)

from pyspark.sql import SparkSession

from img2dataset import download

spark = (
    SparkSession.builder.appName("images")
    .master("local-cluster[2,1,1024]")  # yours: "yarn", "k8s://...", "spark://host:7077"
    .getOrCreate()
)
report = download(
    "urls.parquet",
    input_format="parquet",
    caption_col="caption",
    output_folder="dataset",  # yours: "s3://bucket/dataset", or a folder that all machines share
    output_format="webdataset",
    number_sample_per_shard=10_000,
    image_size=256,
    distributor="pyspark",
    subjob_size=1000,
)
print(report.successes, "of", report.count, "not done:", report.shards_not_done)
spark.stop()
