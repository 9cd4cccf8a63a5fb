"""Datasets that the old tool made: verified, and completed by incremental_mode=retry.

Runs where the old tool is, as test_against_old.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from img2dataset import Report, download, index, inspect, verify, write_report
from img2dataset.errors import Reason
from img2dataset.messages import find_reason
from tests.chaos.indexes import check_index_files, folder_wide
from tests.compat.old_tool import OLD, OldTool
from tests.e2e.dataset import Dataset
from tests.site import Site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not OLD.exists(), reason="the old tool is not here"),
]

FLAKY = {
    "503": "HTTP Error 503: Service Unavailable",
    "429": "HTTP Error 429: Too Many Requests",
    "reset": "[Errno 104] Connection reset by peer",
    "close": "Remote end closed connection without response",
    "truncate": "IncompleteRead(",
}
"""How a page fails once -> how the message of the old tool begins."""
SETTINGS = {"image_size": 32, "number_sample_per_shard": 5, "timeout": 2, "caption_col": "caption"}


def old_run(tool: OldTool, site: Site, folder: Path, output_format: str) -> Path:
    """A dataset of the old tool, with failures of every kind; and its list."""
    urls = [site.url(f"/image/{n}.jpg") for n in range(4)]
    urls += [site.url("/flaky", fail=1, how=how, token=how) for how in FLAKY]
    urls += [site.url("/status/404"), site.url("/html"), site.url("/status/503")]
    urls += [site.url("/robots", tag="noai")]
    path = folder / "list.csv"
    path.write_text("url,caption\n" + "".join(f"{url},c{n}\n" for n, url in enumerate(urls)))
    command = [f"--{name}={value}" for name, value in SETTINGS.items()]
    tool.run([
        f"--url_list={path}", "--input_format=csv", f"--output_format={output_format}",
        f"--output_folder={folder / 'out'}", *command,
    ])  # fmt: skip
    return path


def retry(listed: Path, output_format: Any, **changes: Any) -> Report:
    return download(
        str(listed), output_folder=str(listed.parent / "out"), input_format="csv",
        output_format=output_format, incremental_mode="retry", **{**SETTINGS, **changes},
    )  # fmt: skip


@pytest.mark.parametrize("output_format", ["files", "webdataset", "parquet"])
def test_a_dataset_of_the_old_tool_is_completed(
    fresh_site: Site, tmp_path: Path, old_tool: OldTool, output_format: str
) -> None:
    listed = old_run(old_tool, fresh_site, tmp_path, output_format)
    dataset = Dataset(tmp_path / "out")
    before = {row["key"]: row for row in dataset.rows}
    messages = [row["error_message"] for row in before.values() if row["error_message"]]
    for start in FLAKY.values():
        message = next(message for message in messages if message.startswith(start))
        reason = find_reason(message)
        assert reason is not None, message
        assert reason.transient, message
    members = dataset.members()
    assert verify(str(dataset.folder), deep=True).whole
    asked = len(fresh_site.requests)

    report = retry(listed, output_format)

    paths = sorted(request.path for request in fresh_site.requests[asked:])
    assert paths == ["/flaky"] * 5 + ["/status/503"]
    assert report.retry is not None
    assert (report.retried, report.recovered) == (6, 5)
    rows = {row["key"]: row for row in dataset.rows}
    assert rows.keys() == before.keys()
    for key, row in before.items():
        if row["status"] == "success":
            assert rows[key] == row
    assert sum(stats["successes"] for stats in dataset.stats) == 9
    assert members.items() <= dataset.members().items()
    assert verify(str(dataset.folder), deep=True).whole


@pytest.mark.parametrize("output_format", ["files", "webdataset", "parquet"])
def test_a_dataset_of_the_old_tool_is_looked_at(
    fresh_site: Site, tmp_path: Path, old_tool: OldTool, output_format: str
) -> None:
    old_run(old_tool, fresh_site, tmp_path, output_format)

    found = inspect(str(tmp_path / "out"))
    page = Path(write_report(str(tmp_path / "out"), str(tmp_path / "page.html"))).read_text()

    assert (found.output_format, found.rows, found.successes) == (output_format, 13, 4)
    reasons = {each.name: each.rows for each in found.reasons}
    assert (reasons["http_status"], reasons["http_status_transient"]) == (1, 3)
    assert (reasons["opted_out"], reasons["connection_lost"], found.transient) == (1, 2, 6)
    assert not found.retry_is_command
    assert "--incremental_mode=retry" in found.retry
    assert found.hosts is not None
    assert found.hosts.busiest[0].rows == 13
    assert found.shorter_side is not None
    assert found.caption_length is not None
    assert page.count("data:image/jpeg") == 4


def test_another_list_is_refused_though_the_old_tool_recorded_nothing(
    fresh_site: Site, tmp_path: Path, old_tool: OldTool
) -> None:
    listed = old_run(old_tool, fresh_site, tmp_path, "webdataset")
    lines = listed.read_text().splitlines()
    listed.write_text("\n".join([lines[0], *reversed(lines[1:])]))
    before = Dataset(tmp_path / "out").members()

    report = retry(listed, "webdataset")

    assert report.exit_code == 1
    assert Dataset(tmp_path / "out").members() == before


def test_damage_of_a_dataset_of_the_old_tool_is_found(
    fresh_site: Site, tmp_path: Path, old_tool: OldTool
) -> None:
    old_run(old_tool, fresh_site, tmp_path, "webdataset")
    tar = tmp_path / "out" / "00000.tar"
    tar.write_bytes(tar.read_bytes()[:2000])
    stats = tmp_path / "out" / "00001_stats.json"
    stats.write_text(json.dumps({**json.loads(stats.read_text()), "successes": 5}))

    assert [each.name for each in verify(str(tmp_path / "out")).broken] == ["00000", "00001"]


def test_the_old_tools_messages_that_are_final_stay_final() -> None:
    final = {
        "HTTP Error 404: Not Found": Reason.HTTP_STATUS,
        "<urlopen error [Errno -2] Name or service not known>": Reason.NO_SUCH_HOST,
        "Image decoding error": Reason.NOT_AN_IMAGE,
        "Use of image disallowed by X-Robots-Tag directive": Reason.OPTED_OUT,
    }
    assert {message: find_reason(message) for message in final} == final


def test_a_dataset_of_the_old_tool_is_indexed(
    fresh_site: Site, tmp_path: Path, old_tool: OldTool
) -> None:
    listed = old_run(old_tool, fresh_site, tmp_path, "webdataset")
    out = tmp_path / "out"

    done = index(str(out), indexes=["all"])

    assert (done.damaged, done.indexes) == ((), ("dali", "energon", "webshart", "wids"))
    check_index_files(out)
    assert {"sizes.json", "wids.json", ".nv-meta/.info.json"} == set(folder_wide(out))
    assert verify(str(out)).whole
    assert retry(listed, "webdataset").recovered > 0
    check_index_files(out)
    assert verify(str(out)).whole
