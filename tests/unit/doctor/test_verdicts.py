"""What is measured -> a line: ok, or what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from img2dataset.doctor.bug_report import describe_settings, format_report, format_verdict
from img2dataset.doctor.measured import (
    Certificates,
    Clock,
    Cores,
    DiskSpeed,
    Dns,
    Memory,
    Native,
    OpenFiles,
    Proxy,
    Room,
)
from img2dataset.doctor.verdicts import (
    Verdict,
    judge_certificates,
    judge_clock,
    judge_cores,
    judge_disk_speed,
    judge_dns,
    judge_memory,
    judge_native,
    judge_open_files,
    judge_proxy,
    judge_room,
)
from img2dataset.options import Options

GB = 10**9
DNS = Dns(("10.0.0.1",), asked=100, failed=0, seconds=1.0)
CLOCK = Clock(is_synchronised=True, behind_installation_s=-5.0, ahead_of_disk_s=0.1)
ROOM = Room("/data", 100 * GB, 10**6, 50 * GB, 10**5)
DISK = DiskSpeed(500e6, 5000, stores_files=True)


@pytest.mark.parametrize(
    "verdict",
    [
        judge_cores(Cores(8, None), 8),
        judge_cores(Cores(8, 8.0), 1),
        judge_memory(Memory(4 * GB, 4 * GB)),
        judge_memory(Memory(None, 4 * GB)),
        judge_open_files(OpenFiles(1024, 768)),
        judge_open_files(OpenFiles(None, 768)),
        judge_dns(DNS),
        judge_dns(replace(DNS, failed=2)),
        judge_dns(Dns(("10.0.0.1",), asked=5, failed=0, seconds=2.0)),
        judge_dns(Dns((), 0, 0, 0.0, is_by_proxy=True)),
        judge_clock(CLOCK),
        judge_clock(replace(CLOCK, is_synchronised=None, ahead_of_disk_s=None)),
        judge_certificates(Certificates("/etc/ssl/cert.pem", 140, is_ignored=False)),
        judge_certificates(Certificates("", None, is_ignored=False)),
        judge_certificates(Certificates("/none", 0, is_ignored=True)),
        judge_proxy(Proxy("", "")),
        judge_proxy(Proxy("proxy.example:3128", "")),
        judge_room(ROOM),
        judge_room(replace(ROOM, needed_bytes=None, needed_files=None)),
        judge_room(replace(ROOM, free_files=None)),
        judge_disk_speed(DISK),
        judge_disk_speed(replace(DISK, files_per_second=5, stores_files=False)),
        judge_native(Native(("JPEG", "PNG"), ())),
    ],
)
def test_what_is_enough_is_ok(verdict: Verdict) -> None:
    assert verdict.is_fine
    assert format_verdict(verdict) == f"ok    {verdict.subject}: {verdict.facts}"


@pytest.mark.parametrize(
    ("verdict", "facts", "advice"),
    [
        (judge_cores(Cores(4, None), 9), "4 cores for 9 processes", "--processes_count=4 or less"),
        (judge_cores(Cores(16, 2.5), 1), "may use 2.5", "docker --cpuset-cpus"),
        (judge_memory(Memory(GB, 2 * GB)), "1 GB available, the settings may take 2 GB", "lower"),
        (judge_open_files(OpenFiles(256, 768)), "256 allowed, 768 needed", "ulimit -Hn 768"),
        (judge_dns(replace(DNS, failed=100)), "100 without an answer", "no name is resolved"),
        (
            judge_dns(replace(DNS, failed=3)),
            "3 without an answer",
            "loses questions; run a caching",
        ),
        (judge_dns(replace(DNS, seconds=9.0)), "11/s", "slow; run a caching resolver"),
        (judge_clock(replace(CLOCK, is_synchronised=False)), "not synchronised", "chrony"),
        (judge_clock(replace(CLOCK, ahead_of_disk_s=-40)), "40 s behind that of", "locks compare"),
        (
            judge_clock(replace(CLOCK, behind_installation_s=1e8)),
            "before the inst",
            "not yet valid",
        ),
        (judge_certificates(Certificates("/x", 0, is_ignored=False)), "0 cert", "ca-certificates"),
        (judge_proxy(Proxy("a:1", "Connection refused")), "a:1: Connection refused", "unset"),
        (judge_room(replace(ROOM, needed_bytes=95 * GB)), "100 GB free in /data", "another output"),
        (judge_room(replace(ROOM, free_files=7)), "7 files are left", "webdataset"),
        (judge_disk_speed(replace(DISK, bytes_per_second=1e6)), "1 MB/s", "a quicker disk"),
        (judge_disk_speed(replace(DISK, files_per_second=5)), "5 small files/s", "webdataset"),
        (judge_native(Native(("PNG",), ("JPEG",))), "missing: JPEG", "install a wheel"),
    ],
)
def test_what_is_not_says_what_to_do(verdict: Verdict, facts: str, advice: str) -> None:
    assert facts in verdict.facts
    assert advice in verdict.advice
    line = format_verdict(verdict)
    assert line.startswith("TO DO ")
    assert "\n" not in line


def test_a_report_has_versions_and_settings_without_secrets() -> None:
    options = Options(
        "https://user:secret@host/list.csv", output_folder="s3://secret/x", image_size=64,
        user_agent_contact="secret@example.org", where="secret = 1", input_format="csv",
        dns_servers=["10.9.8.7"], max_aspect_ratio=3.0, card=False,
    )  # fmt: skip

    verdicts = [
        judge_dns(DNS),
        judge_proxy(Proxy("secret:1", "down")),
        judge_room(replace(ROOM, folder="/secret")),
    ]
    text = format_report(options, verdicts)

    assert "secret" not in text
    assert DNS.servers[0] not in text
    assert "10.9.8.7" not in text
    for part in ("img2dataset 2", "CPython", "PycURL", "libcurl", "pyarrow ", "numpy ", "DNS"):
        assert part in text
    assert set(describe_settings(options)) == {
        "url_list=(set)", "output_folder=(set)", "image_size=64", "user_agent_contact=(set)",
        "where=(set)", "input_format=csv", "dns_servers=(set)", "max_aspect_ratio=3.0", "card=False",
    }  # fmt: skip
