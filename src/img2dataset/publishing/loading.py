"""A dataset -> code that loads it, by library; each block runs as it is, beside the folder."""

from __future__ import annotations

from dataclasses import dataclass
from glob import escape
from textwrap import dedent

from img2dataset.publishing.contents import Contents

FIRST_DIGIT = "[0-9]"
TABLES = f"{FIRST_DIGIT}*.parquet"
"""Glob pattern of the shards' tables."""


@dataclass(frozen=True, slots=True)
class Example:
    """Code for one library."""

    title: str
    code: str


def list_examples(contents: Contents, name: str) -> list[Example]:
    """List what loads the images, then what loads the metadata, of the dataset in a folder `name`."""
    makers = {"webdataset": load_tars, "parquet": load_tables, "files": load_files,
              "tfrecord": load_records, "mds": load_mds}  # fmt: skip
    make = makers.get(contents.output_format)
    examples = make(contents) if make is not None else []
    return [
        Example(each.title, add_folder(each.code, name)) for each in (*examples, *load_metadata())
    ]


def add_folder(code: str, name: str) -> str:
    """Add the path of the folder after the imports; where files are found by a pattern, as one."""
    lines = code.split("\n")
    first = max(i for i, line in enumerate(lines) if line.startswith(("import ", "from ")))
    # with the dot it is a folder to `datasets`, whose loaders have names too: webdataset, json, ...
    path = f"./{escape(name) if FIRST_DIGIT in code else name}"
    return "\n".join([*lines[: first + 2], f"folder = {path!r}", *lines[first + 2 :]])


def example(title: str, code: str) -> Example:
    return Example(title, dedent(code).strip())


def load_tars(contents: Contents) -> list[Example]:
    image = contents.encode_format
    names = f'"{image}", "txt"' if contents.captions else f'"{image}", "json"'
    what = "caption" if contents.captions else "metadata"
    return [
        example("datasets", f"""
            from datasets import load_dataset

            dataset = load_dataset(folder, split="train", streaming=True)  # or without streaming
            for sample in dataset:
                image, url = sample["{image}"], sample["json"]["url"]
        """),
        example("webdataset", f"""
            from glob import glob

            import webdataset

            shards = sorted(glob(f"{{folder}}/{FIRST_DIGIT}*.tar"))
            dataset = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False)
            for image, {what} in dataset.decode("pil").to_tuple({names}):
                print(image.size, {what})
        """),
        example("PyTorch", f"""
            from glob import glob

            import webdataset
            from torch.utils.data import DataLoader

            shards = sorted(glob(f"{{folder}}/{FIRST_DIGIT}*.tar"))
            dataset = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False)
            samples = dataset.decode("torchrgb").to_tuple({names})
            # images of one size can be batched: batch_size=64
            for image, {what} in DataLoader(samples, batch_size=None, num_workers=2):
                print(image.shape, {what})
        """),
    ]  # fmt: skip


def load_tables(contents: Contents) -> list[Example]:
    image = contents.encode_format
    return [
        example("datasets", f"""
            from datasets import load_dataset

            dataset = load_dataset(folder, split="train", streaming=True)  # or without streaming
            for row in dataset:
                image, url = row["{image}"], row["url"]  # image is None where a row failed
        """),
        example("PyTorch", f"""
            from datasets import load_dataset
            from torch.utils.data import DataLoader

            rows = load_dataset(folder, split="train", streaming=True)
            images = rows.filter(lambda row: row["status"] == "success")
            images = images.select_columns(["{image}", "url"]).with_format("torch")
            # images of one size can be batched: batch_size=64
            for row in DataLoader(images, batch_size=None, num_workers=2):
                print(row["{image}"].shape, row["url"])
        """),
        example("pyarrow", f"""
            import io
            from glob import glob

            import pyarrow.dataset
            from PIL import Image

            tables = pyarrow.dataset.dataset(sorted(glob(f"{{folder}}/{TABLES}")))
            success = pyarrow.dataset.field("status") == "success"
            for batch in tables.to_batches(["url", "{image}"], filter=success, batch_size=100):
                for row in batch.to_pylist():
                    image = Image.open(io.BytesIO({read_image(contents)}))
        """),
    ]  # fmt: skip


def read_image(contents: Contents) -> str:
    """Write how to get the bytes from a row: the column may be the Hub's struct."""
    import pyarrow as pa  # noqa: PLC0415  (heavy, and every run imports this)

    name = contents.encode_format
    known = name in contents.schema.names
    is_struct = known and pa.types.is_struct(contents.schema.field(name).type)
    return f'row["{name}"]["bytes"]' if is_struct else f'row["{name}"]'


def load_files(contents: Contents) -> list[Example]:
    del contents
    return [
        example("datasets", """
            from datasets import load_dataset

            dataset = load_dataset(folder, split="train", streaming=True)  # or without streaming
            for sample in dataset:
                image, url = sample["image"], sample["url"]
        """),
        example("PyTorch", """
            from datasets import load_dataset
            from torch.utils.data import DataLoader

            images = load_dataset(folder, split="train")
            images = images.select_columns(["image", "url"]).with_format("torch")
            # images of one size can be batched: batch_size=64
            for sample in DataLoader(images, batch_size=None, num_workers=2):
                print(sample["image"].shape, sample["url"])
        """),
        example("PIL", """
            import pyarrow.parquet
            from PIL import Image

            for batch in pyarrow.parquet.ParquetFile(f"{folder}/metadata.parquet").iter_batches():
                for sample in batch.to_pylist():
                    image = Image.open(f"{folder}/{sample['file_name']}")
        """),
    ]  # fmt: skip


def load_records(contents: Contents) -> list[Example]:
    image = contents.encode_format
    return [
        example("tfrecord", f"""
            import io
            from glob import glob

            from PIL import Image
            from tfrecord import tfrecord_loader

            for shard in sorted(glob(f"{{folder}}/{FIRST_DIGIT}*.tfrecord")):
                for sample in tfrecord_loader(shard, None, {{"{image}": "byte", "key": "byte"}}):
                    image, key = Image.open(io.BytesIO(sample["{image}"])), bytes(sample["key"])
        """),
    ]  # fmt: skip


def load_mds(contents: Contents) -> list[Example]:
    image = contents.encode_format
    return [
        example("MosaicML Streaming", f"""
            from streaming import StreamingDataset

            # elsewhere: remote="s3://..." and a local folder for the files that are fetched
            for sample in StreamingDataset(local=folder, shuffle=False, batch_size=1):
                image, url = sample["{image}"], sample["url"]
        """),
    ]  # fmt: skip


def load_metadata() -> list[Example]:
    return [
        example("DuckDB: the metadata", f"""
            import duckdb

            rows = duckdb.read_parquet(f"{{folder}}/{TABLES}", union_by_name=True)
            print(rows.aggregate("status, count(*)").fetchall())
        """),
        example("Polars: the metadata", f"""
            import polars

            rows = polars.scan_parquet(f"{{folder}}/{TABLES}").filter(polars.col("status") == "success")
            print(rows.select("key", "url", "width", "height").head().collect())
        """),
    ]  # fmt: skip
