"""Which ends of a transfer are asked about once more, and how."""

from __future__ import annotations

from dataclasses import replace

import pytest

from img2dataset.fetch.http.remedies import Ending, Http1Hosts, Remedy, choose_remedy

WELL = Ending(
    code=0, message="", status=200, untouched=False, kept=False, has_length=True, secure=True
)
LOST = replace(WELL, code=56, status=0, untouched=True, kept=True, secure=False)
NEW, OLD = Remedy.NEW_CONNECTION, Remedy.HTTP_1
HEADER = "Invalid HTTP header field was received: frame type: 1, stream: 1, name: [te]"
RESET = "HTTP/2 stream 1 reset by server (error 0x2 INTERNAL_ERROR)"
CALM = "HTTP/2 stream 1 reset by server (error 0xb ENHANCE_YOUR_CALM)"
DIED = "Connection died, tried 5 times before giving up"


@pytest.mark.parametrize(
    ("ending", "remedy"),
    [
        (WELL, None),
        (LOST, NEW),
        (replace(LOST, code=52), NEW),
        (replace(LOST, code=55), NEW),
        (replace(LOST, code=28), None),
        (replace(LOST, kept=False), None),
        (replace(LOST, untouched=False, status=200), None),
        (replace(LOST, code=1, untouched=False), NEW),
        (replace(LOST, code=8, untouched=False), NEW),
        (replace(LOST, code=8, untouched=False, status=200), None),
        (replace(WELL, status=408, kept=True), NEW),
        (replace(WELL, status=408), None),
        (replace(WELL, status=503, kept=True), None),
        (replace(WELL, code=92, message=HEADER), OLD),
        (replace(WELL, code=8, status=0, message=HEADER), OLD),
        (replace(WELL, code=92, message=HEADER, secure=False), None),
        (replace(WELL, code=92, message=RESET), None),
        (replace(WELL, code=92, message=RESET, untouched=True), OLD),
        (replace(WELL, code=92, message=CALM, untouched=True), None),
        (replace(WELL, code=16, message="Error in the HTTP2 framing layer"), OLD),
        (replace(WELL, code=56, message=DIED, untouched=True, status=0), OLD),
        (replace(WELL, code=56, message=DIED, untouched=True, status=0, secure=False), None),
        (
            replace(WELL, code=8, message="Invalid Content-Length: value", has_length=False),
            Remedy.NO_LENGTH,
        ),
        (replace(WELL, code=8, message="Invalid Content-Length: value"), None),
        (replace(WELL, code=8, message="Header without colon", has_length=False), None),
        (
            replace(WELL, code=61, message="Unsolicited Transfer-Encoding (foo) found"),
            Remedy.NO_TRANSFER_CODING,
        ),
        (replace(WELL, code=61, message="something else"), None),
    ],
)
def test_what_is_done_about_an_end(ending: Ending, remedy: Remedy | None) -> None:
    assert choose_remedy(ending) is remedy


def test_the_oldest_host_is_forgotten() -> None:
    hosts = Http1Hosts(most=2)
    for name in "abc":
        hosts.add(name)
    assert [name in hosts for name in "abc"] == [False, True, True]
