"""An S3 server on this machine, for tests of output in an object store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4


@dataclass(frozen=True)
class Store:
    """The server and an empty bucket; `environment` is what lets a process use it."""

    url: str
    bucket: str
    """All servers of a process share what is in them, so each has a bucket of its own."""
    environment: Mapping[str, str]

    @property
    def files(self) -> Any:
        import s3fs  # noqa: PLC0415  (an extra)

        return s3fs.S3FileSystem(
            key="test", secret="test", endpoint_url=self.url, skip_instance_cache=True
        )  # fmt: skip

    def copy_to(self, folder: Path, inside: str) -> Path:
        """What is in a folder of the bucket, in a folder."""
        files, start = self.files, f"{self.bucket}/{inside}"
        for path in files.find(start):
            target = folder / path.removeprefix(f"{start}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files.cat_file(path))
        return folder


@contextmanager
def running_store() -> Iterator[Store]:
    """A server with an empty bucket."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415  (for few tests)
    from s3fs import S3FileSystem  # noqa: PLC0415

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    S3FileSystem.clear_instance_cache()  # they stay with the server that they were made for
    try:
        _, port = server.get_host_and_port()
        url = f"http://127.0.0.1:{port}"
        store = Store(
            url,
            f"bucket-{uuid4().hex}",
            {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        )
        store.files.mkdir(store.bucket)
        yield store
    finally:
        S3FileSystem.clear_instance_cache()
        server.stop()
