"""A stand-in for what the Hugging Face Hub answers to an upload, with the stores of Xet.

Told by watching what huggingface_hub 2.4 and hf_xet 1.8 ask.  Contents that go to the stores are
known by their size and hash only, which the commit names.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.site.loopback import serving

SHA = "a" * 40
SMALL = (".md", ".json")
"""Endings of files that are sent within the commit."""


@dataclass
class Repository:
    """me/photos: what was committed to it."""

    address: str = ""
    """For HF_ENDPOINT."""
    made: list[dict[str, Any]] = field(default_factory=list)
    commits: list[list[str]] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    hashes: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Path -> (sha256, bytes) of what went to the stores."""
    refused_commits: int = 0
    """Commits to answer 500 from now on."""
    told: list[str] = field(default_factory=list)
    """Requests beside those that an upload needs."""


@contextmanager
def serve_uploads() -> Iterator[Repository]:
    """Serve the repository; the token "good" may write, "reader" may not."""
    repository = Repository()

    class Handler(UploadHandler):
        into = repository

    with serving(Handler) as address:
        repository.address = address
        yield repository


class UploadHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    into: Repository

    def answer(self) -> None:
        body = self.take_body()
        path = self.path.partition("?")[0]
        if path.startswith("/cas/"):
            self.answer_store(path)
        elif (token := self.headers.get("Authorization")) != "Bearer good":
            text = "You don't have the rights to create a dataset under this namespace"
            known = token == "Bearer reader"
            self.reply(403 if known else 401, {"error": text if known else "Invalid token"})
        elif "/commit/" in path:
            self.commit(body)
        else:
            self.answer_hub(path, body)

    def answer_hub(self, path: str, body: bytes) -> None:
        if path == "/api/repos/create":
            self.into.made.append(json.loads(body))
            self.reply(200, {"url": f"{self.into.address}/datasets/me/photos"})
        elif path == "/api/validate-yaml":
            self.reply(200, {"errors": [], "warnings": []})
        elif "/preupload/" in path:
            self.reply(200, {"files": [
                {"path": name, "shouldIgnore": False, "oid": None,
                 "uploadMode": "regular" if name.endswith(SMALL) else "lfs"}
                for name in (file["path"] for file in json.loads(body)["files"])
            ]})  # fmt: skip
        elif "/xet-write-token/" in path:
            expires = int(time.time()) + 3600
            place = f"{self.into.address}/cas"
            self.reply(200, {"casUrl": place, "accessToken": "t", "exp": expires})
        else:
            self.into.told.append(path)
            self.reply(404, {"error": "not here"})

    do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

    def take_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer_store(self, path: str) -> None:
        """Take contents; say that newer ways of sending them are not known."""
        if path.startswith("/cas/v1/xorbs/"):
            return self.reply(200, {"was_inserted": True})
        if path == "/cas/v1/shards":
            return self.reply(200, {"result": 1})
        return self.reply(404, {})

    def commit(self, body: bytes) -> None:
        if self.into.refused_commits:
            self.into.refused_commits -= 1
            return self.reply(400, {"error": "the stand-in refuses this commit"})
        paths = []
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.into.contents[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.into.hashes[value["path"]] = value["oid"], value["size"]
            else:
                continue
            paths.append(value["path"])
        self.into.commits.append(paths)
        page = f"{self.into.address}/datasets/me/photos/commit/{SHA}"
        return self.reply(200, {"commitUrl": page, "commitOid": SHA, "success": True})

    def reply(self, code: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
