"""save_fetch_metadata and the other options of fetching, through whole runs."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from img2dataset import Report, download, verify
from img2dataset.version import VERSION
from tests.e2e.dataset import Dataset
from tests.e2e.fetching import ClosedPort
from tests.site import Site
from tests.site.pictures import picture

COLUMNS = {
    "final_url": pa.string(),
    "http_status": pa.int32(),
    "content_type": pa.string(),
    "etag": pa.string(),
    "last_modified": pa.string(),
    "fetched_at": pa.timestamp("ms", "UTC"),
    "body_bytes": pa.int64(),
}
NOTHING = dict.fromkeys(COLUMNS)
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


def run(folder: Path, urls: list[str], **options: Any) -> tuple[Report, Dataset]:
    report = download(
        urls, output_folder=str(folder), processes_count=1, thread_count=16, **options
    )
    return report, Dataset(folder)


def facts(row: dict[str, Any]) -> dict[str, Any]:
    """What the row says of its fetch, but for the time."""
    return {name: row[name] for name in COLUMNS if name != "fetched_at"}


def known(url: str | None, status: int | None, **others: Any) -> dict[str, Any]:
    expected = {**NOTHING, "final_url": url, "http_status": status, **others}
    del expected["fetched_at"]
    return expected


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["files", "parquet"])
def test_how_each_answer_came_is_stored_if_asked_for(
    site: Site, tmp_path: Path, output_format: str
) -> None:
    image = site.url('/image/1.jpg?header=ETag: "a-b"&header=Last-Modified: ' + DATE)
    moved = site.url("/redirect?n=3&to=/image/2.png")
    missing = site.url("/redirect-to?url=/status/404?header=ETag:gone")
    refused = site.url("/robots?tag=noai")
    page = site.url("/html")
    with ClosedPort() as closed:
        dead = f"http://127.0.0.1:{closed.number}/a b.jpg"
        urls = [image, moved, missing, refused, page, dead, "no url"]
        before = datetime.now(UTC) - timedelta(milliseconds=1)
        report, dataset = run(
            tmp_path / "out", urls, save_fetch_metadata=True, output_format=output_format
        )
        after = datetime.now(UTC) + timedelta(milliseconds=1)
    assert report.successes == 2
    sent = {request.target: request for request in site.requests}
    image_as_sent = site.url(next(t for t in sent if t.startswith("/image/1.jpg?header=ETag")))
    assert [facts(row) for row in dataset.rows] == [
        known(
            image_as_sent, 200, content_type="image/jpeg", etag='"a-b"', last_modified=DATE,
            body_bytes=len(picture(1, "jpg")),
        ),
        known(
            site.url("/image/2.png"), 200, content_type="image/png",
            body_bytes=len(picture(2, "png")),
        ),
        known(site.url("/status/404?header=ETag:gone"), 404, etag="gone", body_bytes=100),
        known(refused, 200, content_type="image/jpeg"),
        known(page, 200, content_type="text/html", body_bytes=len(b"<html>Sign in!</html>")),
        known(dead.replace(" ", "%20"), None),
        known(None, None),
    ]  # fmt: skip
    times = [row["fetched_at"] for row in dataset.rows]
    assert times.pop() is None
    assert all(before <= moment <= after for moment in times)
    schema = dataset.table.schema
    assert {name: schema.field(name).type for name in COLUMNS} == COLUMNS
    assert [row["url"] for row in dataset.rows] == urls  # as they were given


@pytest.mark.slow
def test_the_json_of_a_sample_says_it_too(site: Site, tmp_path: Path) -> None:
    moved = site.url("/redirect?to=/image/3.jpg")
    _, dataset = run(tmp_path / "out", [moved], save_fetch_metadata=True)
    sample = json.loads((dataset.folder / "00000" / "000000000.json").read_text())
    assert facts(sample) == facts(dataset.rows[0])
    assert sample["final_url"] == site.url("/image/3.jpg")
    moment = datetime.fromisoformat(sample["fetched_at"])
    assert moment == dataset.rows[0]["fetched_at"]
    assert sample["fetched_at"].endswith("Z")
    assert abs(moment.timestamp() - time.time()) < 60


@pytest.mark.slow
def test_nothing_of_it_is_stored_unless_asked_for(site: Site, tmp_path: Path) -> None:
    _, dataset = run(tmp_path / "out", [site.url("/image/1.jpg")])
    assert not {*COLUMNS} & {*dataset.table.column_names}
    sample = json.loads((dataset.folder / "00000" / "000000000.json").read_text())
    assert not {*COLUMNS} & {*sample}


@pytest.mark.slow
def test_equal_urls_have_equal_facts(site: Site, tmp_path: Path) -> None:
    url = site.url("/slow?seconds=0.3&token=metadata")
    _, dataset = run(tmp_path / "out", [url] * 5, save_fetch_metadata=True)
    one, *others = [{name: row[name] for name in COLUMNS} for row in dataset.rows]
    assert one["http_status"] == 200
    assert others == [one] * 4
    assert len([each for each in site.requests if "token=metadata" in each.target]) == 1


@pytest.mark.slow
def test_a_shaped_image_that_fails_has_its_facts(site: Site, tmp_path: Path) -> None:
    url = site.url("/image/4.jpg")
    _, dataset = run(tmp_path / "out", [url], save_fetch_metadata=True, min_image_size=1000)
    (row,) = dataset.rows
    assert row["error_message"] == "image too small"
    assert facts(row) == known(
        url, 200, content_type="image/jpeg", body_bytes=len(picture(4, "jpg"))
    )


@pytest.mark.slow
def test_what_the_last_answer_said_is_kept_where_a_redirect_leads_nowhere(
    site: Site, tmp_path: Path
) -> None:
    urls = [
        site.url("/redirect?n=11"),
        site.url("/redirect-to?url=ftp://a.test/"),
        site.url("/redirect-to?url=http://10.0.0.1/"),
    ]
    _, dataset = run(tmp_path / "out", urls, save_fetch_metadata=True)
    assert [(row["http_status"], row["error_message"]) for row in dataset.rows] == [
        (302, "too many redirects"),
        (302, "redirect not allowed"),
        (302, "address not allowed: private or reserved"),
    ]


# what owners say of our use

MARKED = (
    '<x:xmpmeta xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"><plus:DataMining>'
    "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING</plus:DataMining></x:xmpmeta>"
)


def marked_picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, "JPEG", xmp=MARKED.encode())
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["files", "webdataset", "parquet", "tfrecord"])
def test_opt_out_signals_are_stored_if_asked_for(
    site: Site, tmp_path: Path, output_format: str
) -> None:
    site.robots_txt["127.0.0.1"] = "/say?text=User-agent: *%0AContent-Signal: search=no"
    site.pictures["marked"] = marked_picture()
    urls = [
        site.url("/image/1.jpg"),
        site.url("/image/2.jpg?header=X-Robots-Tag: noai"),
        site.url("/picture/marked?header=Content-Usage: search=y"),
        "no url",
    ]
    report, dataset = run(
        tmp_path / "out", urls, save_opt_out_signals=True, robots_txt="respect",
        output_format=output_format,
    )  # fmt: skip
    assert report.successes == 2
    by_file = "robots.txt:content-signal=search=no"
    marked = "iptc:DataMining=DMI-PROHIBITED-AIMLTRAINING"
    expected = [
        [by_file], [by_file, "x-robots-tag=noai"], [by_file, "content-usage=search=y", marked], []
    ]  # fmt: skip
    assert [row["opt_out"] for row in dataset.rows] == expected
    assert dataset.table.schema.field("opt_out").type == pa.list_(pa.string())
    if output_format == "files":
        sample = json.loads((dataset.folder / "00000" / "000000002.json").read_text())
        assert sample["opt_out"] == expected[2]
    assert verify(str(dataset.folder), deep=True).whole


@pytest.mark.slow
def test_untouched_images_have_their_signals_too(site: Site, tmp_path: Path) -> None:
    site.pictures["marked"] = marked_picture()
    url = site.url("/picture/marked")
    _, dataset = run(
        tmp_path / "out", [url], save_opt_out_signals=True, disable_all_reencoding=True
    )
    assert dataset.rows[0]["opt_out"] == ["iptc:DataMining=DMI-PROHIBITED-AIMLTRAINING"]
    _, dataset = run(tmp_path / "without", [url])
    assert "opt_out" not in dataset.table.column_names


@pytest.mark.slow
def test_we_say_whom_to_write_to(site: Site, tmp_path: Path) -> None:
    url = site.url("/image/10.jpg")
    run(tmp_path / "out", [url], user_agent_contact="me@a.org")
    (request,) = site.asked("/image/10.jpg")
    assert request.headers["user-agent"] == (
        f"img2dataset/{VERSION} (+https://github.com/rom1504/img2dataset; me@a.org)"
    )


# other options


@pytest.mark.slow
def test_the_options_of_manners_reach_the_engine(site: Site, tmp_path: Path) -> None:
    site.robots_txt["127.0.0.1"] = "/say?text=User-agent: *%0ADisallow: /exif/"
    urls = [
        site.url("/image/5.jpg"),
        site.url("/exif/1.jpg"),
        site.url("/image/6.jpg?header=tdm-reservation: 1"),
        site.url("/image/7.jpg?header=X-Robots-Tag: mine: noml"),
        site.url("/image/8.jpg", host="localhost"),
    ]
    _, dataset = run(
        tmp_path / "out",
        urls,
        robots_txt="respect",
        respect_tdm_reservation=True,
        user_agent="Mine/1.0",
        user_agent_token="mine",
        disallowed_header_directives=["NoML"],
        private_addresses="listed",
    )
    assert [row["error_message"] for row in dataset.rows] == [
        None,
        "disallowed by robots.txt",
        "Use of image disallowed by tdm-reservation header",
        "Use of image disallowed by X-Robots-Tag directive",
        None,
    ]
    assert {request.headers["user-agent"] for request in site.asked("/image/5.jpg")} == {"Mine/1.0"}


@pytest.mark.slow
def test_addresses_may_be_denied_and_names_asked_of_a_server(site: Site, tmp_path: Path) -> None:
    urls = [site.url("/image/9.jpg"), "http://a.test/", site.url("/image/9.jpg", host="localhost")]
    _, dataset = run(
        tmp_path / "out",
        urls,
        private_addresses="deny",
        dns_servers=["127.0.0.1:1"],
        timeout=0.5,
        retries=0,
    )
    denied = "address not allowed: private or reserved"
    assert [row["error_message"] for row in dataset.rows] == [
        denied,
        "host name not resolved",
        denied,
    ]
    assert site.asked("/image/9.jpg") == []


@pytest.mark.slow
def test_certificates_may_be_ignored(secure_site: Site, tmp_path: Path) -> None:
    url = secure_site.url("/image/1.jpg")
    _, dataset = run(tmp_path / "strict", [url, url + "?2"])
    assert dataset.rows[0]["error_message"] == "TLS certificate not trusted"
    report, _ = run(tmp_path / "loose", [url], ignore_ssl_certificate=True)
    assert report.successes == 1
