"""Lists that are no files: standard input, the URL of one image, signed links of web servers."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.commands import run
from tests.e2e.dataset import Dataset
from tests.site import Site
from tests.site.loopback import serving


def list_in(input_format: str, urls: list[str]) -> bytes:
    table = {
        "txt": "".join(f"{url}\n" for url in urls),
        "csv": "url\n" + "".join(f"{url}\n" for url in urls),
        "jsonl": "".join(f'{{"url": "{url}"}}\n' for url in urls),
        "json": json.dumps([{"url": url} for url in urls]),
    }
    if input_format == "parquet":
        sink = io.BytesIO()
        pq.write_table(pa.table({"url": urls}), sink)
        return sink.getvalue()
    data = table[input_format.removesuffix(".gz")].encode()
    return gzip.compress(data) if input_format.endswith(".gz") else data


def piped(data: bytes, *options: str, temporary: Path) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "img2dataset", "--url_list=-", "--processes_count=1", *options],
        input=data, capture_output=True, check=False, timeout=90, env=temporary_in(temporary),
    )  # fmt: skip
    return ended.returncode, ended.stderr.decode()


def temporary_in(folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("input_format", ["txt", "csv.gz", "jsonl", "json", "parquet"])
def test_standard_input_is_a_list_and_the_same_bytes_go_on(
    tmp_path: Path, input_format: str
) -> None:
    out, temporary = tmp_path / "out", tmp_path / "tmp"
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(3)]
        options = [f"--input_format={input_format}", f"--output_folder={out}"]
        data = list_in(input_format, urls)
        code, said = piped(data, *options, temporary=temporary)
        again, said_again = piped(data, *options, temporary=temporary)

    assert (code, again) == (0, 0), said
    assert [row["url"] for row in Dataset(out).rows] == urls
    assert "1 done before" in said_again
    assert not list(temporary.glob("img2dataset-list-*"))


@pytest.mark.slow
def test_other_bytes_in_standard_input_are_another_list(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(3)]
        option = f"--output_folder={tmp_path / 'out'}"
        piped(list_in("txt", urls), option, temporary=temporary)
        code, said = piped(list_in("txt", urls[1:]), option, temporary=temporary)

    assert code == 2
    assert "url_list has changed" in said


@pytest.mark.slow
def test_an_empty_standard_input_is_told(tmp_path: Path) -> None:
    code, said = piped(b"", f"--output_folder={tmp_path / 'out'}", temporary=tmp_path / "tmp")

    assert code == 2
    assert said == "img2dataset: error: url_list is '-': there is nothing in standard input\n"


@pytest.mark.slow
def test_the_url_of_an_image_is_a_list_of_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Site() as site:
        url = site.url("/image/1.jpg")
        code, said = run([url, f"--output_folder={out}", "--processes_count=1"])

    assert code == 0
    assert [(row["url"], row["status"]) for row in Dataset(out).rows] == [(url, "success")]
    assert "url_list is the URL of an image" in said


@contextmanager
def signed_links(data: bytes) -> Iterator[str]:
    """A server whose links lead to others that hold letter by letter; it knows no ranges."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(405)

        def do_GET(self) -> None:
            if self.path.startswith("/main/"):
                self.send_response(302)
                self.send_header("Location", "/signed?key=a%2Fb%3d&x=%7E")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if not self.path.endswith("signed?key=a%2Fb%3d&x=%7E"):
                self.send_error(403)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with serving(Handler) as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/main/x.parquet?download=true", "/signed?key=a%2Fb%3d&x=%7E"])
@pytest.mark.parametrize("input_format", ["parquet", "txt"])
def test_signed_links_to_lists_keep_their_escapes(
    tmp_path: Path, path: str, input_format: str
) -> None:
    pytest.importorskip("aiohttp")
    out = tmp_path / "out"
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(3)]
        with signed_links(list_in(input_format, urls)) as address:
            code, said = run([
                f"--url_list={address}{path}", f"--input_format={input_format}",
                f"--output_folder={out}", "--processes_count=1",
            ])  # fmt: skip

    assert code == 0, said
    assert [row["url"] for row in Dataset(out).rows] == urls
