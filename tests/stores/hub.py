"""A stand-in for the Hugging Face Hub: a gated dataset o/gated, which the token "good" may read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

API = "/api/datasets/o/gated"
FILES = "/datasets/o/gated/resolve/main/"


@contextmanager
def serve_hub(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve these files of the dataset; give the address for HF_ENDPOINT."""

    class Handler(HubHandler):
        stored = files

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class HubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stored: Mapping[str, bytes]

    def log_message(self, *_: object) -> None: ...

    def reply(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith(f"{API}/tree/main"):
            folder = path.removeprefix(f"{API}/tree/main").strip("/")
            everything = "recursive=true" in self.path.lower()
            return self.reply(200, json.dumps(self.entries(folder, everything)).encode())
        if path == API:
            return self.reply(200, b'{"id": "o/gated", "sha": "a", "gated": "manual"}')
        if path.startswith(FILES):
            return self.file(self.stored[path.removeprefix(FILES)])
        return self.reply(401, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")

    do_HEAD = do_GET  # noqa: N815

    def entries(self, folder: str, everything: bool) -> list[dict[str, Any]]:  # noqa: FBT001
        found: list[dict[str, Any]] = [
            {"type": "file", "path": path, "size": len(data), "oid": "0" * 40}
            for path, data in self.stored.items()
        ]
        folders = {path.rpartition("/")[0] for path in self.stored if "/" in path}
        found += [
            {"type": "directory", "path": path, "size": 0, "oid": "1" * 40} for path in folders
        ]
        start = f"{folder}/" if folder else ""
        return [
            each
            for each in found
            if each["path"].startswith(start)
            and (everything or "/" not in each["path"].removeprefix(start))
        ]

    def file(self, data: bytes) -> None:
        shown = self.headers.get("Authorization")
        if shown != "Bearer good":
            text = "Access to dataset o/gated is restricted."
            code = 401 if shown is None else 403
            return self.reply(code, X_Error_Code="GatedRepo", X_Error_Message=text)
        asked = self.headers.get("Range")
        if asked is None:
            return self.reply(200, data, ETag='"x"')
        first, _, last = asked.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1] if last else data[int(first) :]
        end = int(first) + len(part) - 1
        return self.reply(206, part, Content_Range=f"bytes {first}-{end}/{len(data)}", ETag='"x"')
