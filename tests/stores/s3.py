"""An S3 server on this machine, with a proxy before it; and the fault campaign on it."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.chaos.plans import Plan
from tests.chaos.rounds import Campaign, RoundError
from tests.site import Site
from tests.stores.proxy import Asked, Drop, Fate, Pass, Proxy, Refuse

BUCKET = "bucket"
KEYS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
FATES: Sequence[Fate] = (
    Drop(), Drop(done=True), Refuse(503, "SlowDown"), Refuse(500, "InternalError")
)  # fmt: skip
"""Of a request on a bad connection."""
ROOT = Path(__file__).parent.parent.parent


@dataclass
class S3Server:
    """The server's process; `proxy` is before it."""

    filled: tuple[str, int] | None = None
    """A folder, and the shards that are done in it."""
    proxy: Proxy = field(init=False)
    client: Any = field(init=False)
    """Boto's, and not by the proxy."""
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        server = self._stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.stores.s3_server", *self._filling],
                cwd=ROOT, stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        self._stack.callback(server.terminate)
        assert server.stdout is not None
        port = int(server.stdout.readline())
        self.proxy = self._stack.enter_context(Proxy(port))
        self.client = client_of(port)
        self._stack.callback(self.client.close)
        if self.filled is None:
            self.client.create_bucket(Bucket=BUCKET)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def _filling(self) -> list[str]:
        return [] if self.filled is None else [BUCKET, self.filled[0], str(self.filled[1])]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.proxy.port}"

    @property
    def environment(self) -> dict[str, str]:
        """By which a process finds it; one that has begun, too, which has read fsspec's."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.endpoint}

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2")
        return [
            entry["Key"]
            for page in pages.paginate(Bucket=BUCKET, Prefix=prefix)
            for entry in page.get("Contents", [])
        ]

    def read(self, key: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return data

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def copy(self, prefix: str, to: str) -> None:
        """All objects under `prefix`, once more."""
        for key in self.keys(f"{prefix}/"):
            self.put(f"{to}/{key.removeprefix(f'{prefix}/')}", self.read(key))

    def uploads(self, prefix: str) -> list[str]:
        """Keys of uploads in parts that nobody has ended."""
        uploads = self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return [each["Key"] for each in uploads if each["Key"].startswith(prefix)]

    def fetch(self, prefix: str, folder: Path) -> Path:
        """All objects under `prefix`, as files."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for key in self.keys(f"{prefix}/"):
            path = folder / key.removeprefix(f"{prefix}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.read(key))
        return folder


def client_of(port: int) -> Any:
    import boto3  # noqa: PLC0415  (half a second, for few tests)

    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    )


@dataclass
class S3Campaign(Campaign):
    """Rounds that write to S3."""

    server: S3Server = field(kw_only=True)
    flaky: dict[str, tuple[random.Random, float]] = field(default_factory=dict)
    """Round -> how it is diced, and the share of its requests that go wrong."""

    @classmethod
    def on(cls, site: Site, folder: Path, server: S3Server) -> S3Campaign:
        made = cls(
            site,
            folder,
            environment=server.environment,
            rows=11,
            port=server.proxy.port,
            server=server,
        )
        server.proxy.rule = made.fate
        return made

    def fate(self, asked: Asked) -> Fate:
        """Some rounds have a bad connection as well."""
        text = f"{asked.target}&"
        name = next((name for name in self.flaky if f"{name}/" in text or f"{name}%2F" in text), "")
        dice, share = self.flaky.get(name, (random.Random(0), 0.0))
        if dice.random() >= share:
            return Pass()
        return dice.choice(FATES)

    def disturb(self, plan: Plan, name: str) -> None:
        if plan.flaky:
            # only the hurt run: one that does not wait may give up on a bad connection
            self.flaky[name] = (random.Random(plan.seed), plan.flaky)

    def undisturb(self, name: str) -> None:
        self.flaky.pop(name, None)

    def url(self, name: str) -> str:
        return f"s3://{BUCKET}/{name}"

    def stored(self, name: str) -> Path:
        return self.server.fetch(name, self.folder / name)

    def remove(self, name: str) -> None:
        super().remove(name)
        for key in self.server.keys(f"{name}/"):
            self.server.client.delete_object(Bucket=BUCKET, Key=key)

    def check_hidden(self, name: str) -> None:
        hidden = f"{name}/.img2dataset/"
        left = {key.removeprefix(hidden).partition("/")[0] for key in self.server.keys(hidden)} - {
            "identity", "indexes", "published", "accounts",
        }  # fmt: skip
        uploads = self.server.uploads(f"{name}/")
        if left or uploads:
            raise RoundError(f"left in the hidden folder: {left}; uploads: {uploads}")
