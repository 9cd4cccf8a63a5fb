"""`python -m tests.stores.s3_server [BUCKET PREFIX SHARDS]`: an S3 server (moto's) on a free port,
which it prints; with so many shards done in the bucket, made here and not by requests."""

from __future__ import annotations

import json
import logging
import sys
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    if len(sys.argv) > 1:
        fill(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    server = make_server(
        "127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True
    )
    print(server.port, flush=True)
    server.serve_forever()


def fill(bucket: str, prefix: str, shards: int) -> None:
    store = s3_backends["123456789012"]["aws"]
    store.create_bucket(bucket, "us-east-1")
    table = BytesIO()
    pq.write_table(pa.table({"key": pa.array([], pa.string())}), table)
    stats = {"count": 1, "successes": 1, "failed_to_download": 0, "failed_to_resize": 0,
             "duration": 1.0, "start_time": 1.0, "end_time": 2.0, "status_dict": {"success": 1}}  # fmt: skip
    files = {
        ".tar": bytes(10_240),
        ".parquet": table.getvalue(),
        "_stats.json": json.dumps(stats).encode(),
    }
    for shard in range(shards):
        for suffix, data in files.items():
            store.put_object(bucket, f"{prefix}/{shard:05d}{suffix}", data)


if __name__ == "__main__":
    main()
