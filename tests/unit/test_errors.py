"""The error tree and the closed list of reasons."""

from __future__ import annotations

import copy
import pickle

import pytest

from img2dataset import errors
from img2dataset.errors import (
    TRANSIENT_HTTP,
    Img2datasetError,
    MissingExtraError,
    OptionError,
    Reason,
    RowError,
    RunError,
    SourceError,
    Status,
    format_http_label,
)
from img2dataset.messages import find_label, find_reason, is_transient


def test_a_reason_has_a_name_a_label_and_a_failed_status() -> None:
    for reason in Reason:
        assert reason.value == reason.name.lower()
        assert reason.label
        assert reason.status in (Status.FAILED_TO_DOWNLOAD, Status.FAILED_TO_RESIZE)
        assert isinstance(reason.transient, bool)


def test_a_reason_travels_between_processes() -> None:
    for reason in Reason:
        assert pickle.loads(pickle.dumps(reason)) is reason
        assert Reason(reason.value) is reason  # type: ignore[call-arg]  # mypy sees __new__ alone


def test_only_downloads_are_worth_another_try() -> None:
    for reason in Reason:
        assert not (reason.transient and reason.status is Status.FAILED_TO_RESIZE)


@pytest.mark.parametrize(
    ("label", "status"),
    [
        ("Use of image disallowed by X-Robots-Tag directive", Status.FAILED_TO_DOWNLOAD),
        ("hash mismatch", Status.FAILED_TO_DOWNLOAD),
        ("Image decoding error", Status.FAILED_TO_RESIZE),
        ("image too small", Status.FAILED_TO_RESIZE),
        ("image area too large", Status.FAILED_TO_RESIZE),
        ("aspect ratio too large", Status.FAILED_TO_RESIZE),
    ],
)
def test_error_strings_that_people_search_for_are_kept(label: str, status: Status) -> None:
    assert {reason.status for reason in Reason if reason.label == label} == {status}


def test_there_are_the_three_old_statuses() -> None:
    assert [status.value for status in Status] == [
        "success",
        "failed_to_download",
        "failed_to_resize",
    ]


@pytest.mark.parametrize(
    ("code", "label"),
    [
        (404, "HTTP Error 404: Not Found"),
        (403, "HTTP Error 403: Forbidden"),
        (500, "HTTP Error 500: Internal Server Error"),
        (522, "HTTP Error 522: Unknown"),
    ],
)
def test_http_errors_are_labelled_with_the_standard_phrase(code: int, label: str) -> None:
    assert format_http_label(code) == label


def test_only_some_http_errors_may_pass() -> None:
    assert {408, 429, 503, 520} <= TRANSIENT_HTTP
    assert not {400, 401, 403, 404, 410, 451} & TRANSIENT_HTTP


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RowError(Reason.TIMEOUT), "timed out"),
        (RowError(Reason.HTTP_STATUS, "HTTP Error 404: Not Found"), "HTTP Error 404: Not Found"),
        (RowError(Reason.MALFORMED_LINE, detail="(line 3)"), "malformed input line (line 3)"),
        (
            MissingExtraError("output_folder s3://x", "s3fs", "s3"),
            "output_folder s3://x needs the package s3fs: install it with  "  # noqa: ISC004  (one text)
            "pip install 'img2dataset[s3]'",
        ),
        (RunError("no workers"), "no workers"),
    ],
)
def test_an_error_reads_well_and_survives_pickling(error: Img2datasetError, text: str) -> None:
    for same in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert str(same) == text
        assert vars(same) == vars(error)


def test_bad_options_are_value_errors() -> None:
    assert issubclass(OptionError, ValueError)
    assert issubclass(MissingExtraError, OptionError)


def test_all_errors_have_one_root() -> None:
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    raised = [kind for kind in found if issubclass(kind, Exception)]

    assert SourceError in raised
    assert all(issubclass(kind, Img2datasetError) for kind in raised)


def test_a_stored_message_tells_whether_its_reason_may_pass() -> None:
    codes = {Reason.HTTP_STATUS: 404, Reason.HTTP_STATUS_TRANSIENT: 503}
    labels = {
        reason: format_http_label(codes[reason]) if reason in codes else reason.label
        for reason in Reason
    }

    for reason, label in labels.items():
        for message in (label, f"{label} line 7"):
            found = find_reason(message)
            assert found is not None
            assert found.label == reason.label
            assert is_transient(message) is reason.transient


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        # what the old tool stored: texts of Python's urllib
        ("timed out", Reason.TIMEOUT),
        ("<urlopen error timed out>", Reason.TIMEOUT),
        ("The read operation timed out", Reason.TIMEOUT),
        ("<urlopen error _ssl.c:989: The handshake operation timed out>", Reason.TIMEOUT),
        ("HTTP Error 429: Too Many Requests", Reason.HTTP_STATUS_TRANSIENT),
        ("HTTP Error 522: Whatever", Reason.HTTP_STATUS_TRANSIENT),
        ("HTTP Error 404: timed out", Reason.HTTP_STATUS),
        ("HTTP Error 4040", None),
        ("<urlopen error [Errno 111] Connection refused>", Reason.CONNECT_FAILED),
        ("[Errno 104] Connection reset by peer", Reason.CONNECTION_LOST),
        ("Remote end closed connection without response", Reason.CONNECTION_LOST),
        ("IncompleteRead(893 bytes read, 893 more expected)", Reason.BODY_INCOMPLETE),
        ("<urlopen error [Errno -2] Name or service not known>", Reason.NO_SUCH_HOST),
        (
            "<urlopen error [Errno -3] Temporary failure in name resolution>",
            Reason.HOST_NOT_RESOLVED,
        ),
        (
            "<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed>",
            Reason.CERTIFICATE,
        ),
        ("<urlopen error [SSL: WRONG_VERSION_NUMBER] wrong version number>", Reason.TLS),
        # of a text without a scheme; of a scheme that urllib lacks; of missing values
        ("unknown url type: 'not a url 152'", Reason.URL_INVALID),
        ('unknown url type: "it\'s no url"', Reason.URL_INVALID),
        ("<urlopen error unknown url type: javascript>", Reason.SCHEME_NOT_ALLOWED),
        ("unknown url type: ''", Reason.URL_MISSING),
        ("unknown url type: 'None'", Reason.URL_MISSING),
        # texts of OpenCV
        (
            "OpenCV(4.14.0) /io/loadsave.cpp:1310: error: (-215) !buf.empty() in function 'imdecode_'\n",
            Reason.BODY_EMPTY,
        ),
        (
            "OpenCV(4.14.0) /io/loadsave.cpp:79: error: (-215) pixels <= CV_IO_MAX_IMAGE_PIXELS in x\n",
            Reason.TOO_MANY_PIXELS,
        ),
        # what nobody knows is left alone
        ("\x00\x01\x02 this is no HTTP\r\n", None),
        ("", None),
    ],
)
def test_the_old_tools_messages_are_understood(message: str, reason: Reason | None) -> None:
    assert find_reason(message) is reason
    assert is_transient(message) is (reason is not None and reason.transient)


def test_every_part_of_a_foreign_message_means_its_own_reason() -> None:
    for reason in Reason:
        for part in reason.foreign:
            assert find_reason(f"<urlopen error {part}>") is reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        # each has two parts that are known; the longer one is the more exact
        ("<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] timed out>", Reason.CERTIFICATE),
        ("<urlopen error [SSL] the handshake timed out>", Reason.TIMEOUT),
    ],
)
def test_of_two_parts_of_a_foreign_message_the_longer_one_decides(
    message: str, reason: Reason
) -> None:
    assert find_reason(message) is reason


def test_a_row_without_a_message_is_left_alone() -> None:
    assert not is_transient(None)


@pytest.mark.parametrize(
    ("message", "label"),
    [
        ("malformed input line (line 3)", "malformed input line"),
        ("timed out", "timed out"),
        ("HTTP Error 404: Not Found", "HTTP Error 404: Not Found"),
        ("something else", "something else"),
    ],
)
def test_what_only_a_row_has_to_say_is_not_counted(message: str, label: str) -> None:
    assert find_label(message) == label
