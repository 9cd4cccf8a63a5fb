"""A list of nothing but trouble: the run ends, and each row says what was wrong with it."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from img2dataset import download
from img2dataset.errors import Reason
from tests.e2e.dataset import Dataset
from tests.site import Site

FAILED = {
    "": "URL missing",
    "not a url": "URL not valid",
    "http://": "URL not valid",
    "file:///etc/passwd": "URL scheme not allowed: http and https only",
    "ftp://127.0.0.1/a.jpg": "URL scheme not allowed: http and https only",
    "data:image/png;base64,AAAA": "URL scheme not allowed: http and https only",
    "http://name.invalid/": "no such host",
    "http://127.0.0.1:1/": "connection refused",
    "/status/404": "HTTP Error 404: Not Found",
    "/status/403": "HTTP Error 403: Forbidden",
    "/status/410": "HTTP Error 410: Gone",
    "/status/429": "HTTP Error 429: Too Many Requests",
    "/status/500": "HTTP Error 500: Internal Server Error",
    "/status/503": "HTTP Error 503: Service Unavailable",
    "/status/520": "HTTP Error 520: Unknown",
    "/204": "body empty",
    "/206": "body incomplete",
    "/empty": "body empty",
    "/html": "Image decoding error",
    "/text": "Image decoding error",
    "/slow?seconds=30": "timed out",
    "/silent": "timed out",
    "/stall": ("timed out", "transfer too slow"),
    "/drip": ("timed out", "transfer too slow"),
    "/endless": "body too large",
    "/reset": "connection lost",
    "/reset-body": "connection lost",
    "/close": "connection lost",
    "/truncated": "body incomplete",
    "/garbage": "response not valid HTTP",
    "/bad-chunked": ("connection lost", "response not valid HTTP"),
    "/bad-gzip": "content encoding not valid",
    "/huge-header": "response header too large",
    "/redirect-loop": "too many redirects",
    "/redirect-to?url=file:///etc/passwd": "redirect not allowed",
    "/redirect?to=/status/404": "HTTP Error 404: Not Found",
    "/robots?tag=noai": "Use of image disallowed by X-Robots-Tag directive",
    "/image/1.jpg?width=20&height=10": "image too small",
    "/image/2.jpg?width=800&height=700": "image area too large",
    "/image/3.jpg?width=600&height=100": "aspect ratio too large",
}
GOOD = [
    "/image/1.jpg", "/image/2.png", "/image/3.webp", "/image/4.gif", "/exif/6.jpg", "/chunked",
    "/no-length", "/gzip", "/redirect?to=/image/9.jpg&n=3", "/image/5.jpg?name=a b ü",
]  # fmt: skip


@pytest.mark.slow
def test_every_kind_of_trouble_has_a_reason_and_the_run_ends(tmp_path: Path) -> None:
    with Site() as site, Site(tls=True) as unknown:
        urls = [
            site.url(path) if path.startswith("/") else path for path in [*FAILED, *GOOD]
        ]  # fmt: skip
        urls.append(unknown.url("/image/1.jpg", host="localhost"))
        began = time.monotonic()
        report = download(
            [*urls[1:], urls[0], urls[8]], output_folder=str(tmp_path), output_format="webdataset",
            timeout=1.5, max_image_bytes=3_000_000, min_image_size=16, max_image_area=500_000,
            max_aspect_ratio=5, max_shard_retry=0,
        )  # fmt: skip
        took = time.monotonic() - began

    dataset = Dataset(tmp_path)
    dataset.check_whole(len(urls) + 1)
    message = {row["url"]: row["error_message"] for row in dataset.rows}
    for path, expected in FAILED.items():
        url = site.url(path) if path.startswith("/") else path
        allowed = expected if isinstance(expected, tuple) else (expected,)
        assert message[url] in allowed, f"{path}: {message[url]}"
    assert {path: message[site.url(path)] for path in GOOD} == dict.fromkeys(GOOD)
    assert message[urls[-1]] == "TLS certificate not trusted"
    # counts add up, to the row
    assert report.count == len(urls) + 1
    assert report.successes == len(GOOD)
    assert sum(report.reasons.values()) == report.count - report.successes
    assert set(report.reasons) <= {reason.value for reason in Reason}
    assert Counter(row["status"] for row in dataset.rows) == report.tally.statuses
    assert took < 20  # the slowest costs its timeout, not the run


@pytest.mark.slow
@pytest.mark.parametrize("retries", [0, 2])
def test_only_what_may_pass_is_asked_for_again(tmp_path: Path, retries: int) -> None:
    with Site() as site:
        download(
            [
                site.url("/flaky?fail=1&how=503&token=a"),
                site.url("/flaky?fail=1&how=reset&token=b"),
                site.url("/status/404"),
            ],
            output_folder=str(tmp_path), retries=retries,
        )  # fmt: skip

    good = [row["status"] == "success" for row in Dataset(tmp_path).rows]
    assert good == [retries > 0, retries > 0, False]
    assert len(site.asked("/status/404")) == 1


@pytest.mark.slow
def test_bytes_are_kept_untouched_but_only_of_images(tmp_path: Path) -> None:
    with Site() as site:
        download(
            [site.url("/image/7.png"), site.url("/html"), site.url("/empty")],
            output_folder=str(tmp_path), disable_all_reencoding=True,
        )  # fmt: skip

    rows = Dataset(tmp_path).rows
    assert [row["status"] for row in rows] == [
        "success", "failed_to_resize", "failed_to_download",
    ]  # fmt: skip
    stored = (tmp_path / "00000" / "000000000.jpg").read_bytes()
    assert stored.startswith(b"\x89PNG")
    assert rows[0]["width"] is None


@pytest.mark.slow
def test_malformed_lines_are_rows_with_their_number(tmp_path: Path) -> None:
    with Site() as site:
        path = tmp_path / "list.csv"
        good = site.url("/image/1.jpg")
        path.write_text(f'url,text\n{good},007\n{good}\n{good},"open\n{good},"a, b"\n')
        download(
            str(path), output_folder=str(tmp_path / "out"), input_format="csv", caption_col="text"
        )

    rows = Dataset(tmp_path / "out").rows
    assert [row["status"] for row in rows] == [
        "success", "failed_to_download", "failed_to_download", "success",
    ]  # fmt: skip
    assert rows[0]["caption"] == "007"
    assert rows[3]["caption"] == "a, b"
    assert rows[1]["error_message"].startswith("malformed input line 3")
    assert rows[2]["error_message"].startswith("malformed input line 4")
    assert Dataset(tmp_path / "out").stats[0]["status_dict"]["malformed input line"] == 2
