"""What reading an object came to -> a Body or a Failure."""

from __future__ import annotations

import errno
from email.utils import formatdate

from img2dataset.errors import Reason
from img2dataset.fetch.outcome import make_status_failure
from img2dataset.records import Body, Failure, ResponseInfo
from img2dataset.storage.failures import as_os_error, find_store_status, is_expired
from img2dataset.storage.local_object import (
    NotAFileError,
    ObjectError,
    StoredObject,
    TooLargeError,
    TornError,
)

REASON_BY_ERRNO = {
    getattr(errno, name): reason
    for name, reason in (
        ("ELOOP", Reason.NOT_A_FILE),
        ("ENXIO", Reason.NOT_A_FILE),
        ("ENODEV", Reason.NOT_A_FILE),
        ("ENAMETOOLONG", Reason.URL_INVALID),
        ("EINVAL", Reason.URL_INVALID),
        ("EILSEQ", Reason.URL_INVALID),
        ("ETIMEDOUT", Reason.TIMEOUT),
        ("ECONNREFUSED", Reason.CONNECT_FAILED),
        ("EHOSTUNREACH", Reason.CONNECT_FAILED),
        ("ENETUNREACH", Reason.CONNECT_FAILED),
    )
    if hasattr(errno, name)
}
REASON_BY_STATUS = {
    401: Reason.OBJECT_FORBIDDEN,
    403: Reason.OBJECT_FORBIDDEN,
    404: Reason.OBJECT_NOT_FOUND,
    410: Reason.OBJECT_NOT_FOUND,
}
BUSY = 503
"""The status that fsspec's file systems report as EBUSY: S3's SlowDown."""


def make_body(found: StoredObject) -> Body | Failure:
    """Return the body that an object is."""
    reason = Reason.BODY_EMPTY
    return Body(found.data) if found.data else Failure(reason, reason.label)


def make_failure(error: Exception) -> Failure | None:
    """Return the failure that an error of a store means; None = it is none of a store."""
    if isinstance(error, ObjectError):
        return named(find_object_reason(error))
    failure = as_os_error(error)
    if failure is None:
        return None
    status = find_store_status(failure)
    if status is None and failure.errno == errno.EBUSY:
        status = BUSY
    if is_expired(failure) or status is None or status in REASON_BY_STATUS or status < 400:
        return named(find_reason(failure, status))
    return make_status_failure(status)


def named(reason: Reason) -> Failure:
    return Failure(reason, reason.label)


def find_object_reason(error: ObjectError) -> Reason:
    match error:
        case TooLargeError():
            return Reason.BODY_TOO_LARGE
        case TornError():
            return Reason.BODY_INCOMPLETE
        case NotAFileError():
            return Reason.NOT_A_FILE
        case _:
            return Reason.URL_INVALID


def find_reason(error: OSError, status: int | None) -> Reason:
    """Find the reason; of what is not known a retry may help."""
    if is_expired(error):
        return Reason.CREDENTIALS_EXPIRED
    match error:
        case FileNotFoundError() | NotADirectoryError():
            # some libraries say so of an object that may not be seen
            is_hidden = status in (401, 403)
            return Reason.OBJECT_FORBIDDEN if is_hidden else Reason.OBJECT_NOT_FOUND
        case IsADirectoryError():
            return Reason.NOT_A_FILE
        case PermissionError():
            return Reason.OBJECT_FORBIDDEN
        case TimeoutError():
            return Reason.TIMEOUT
    known = REASON_BY_STATUS.get(status or 0) or REASON_BY_ERRNO.get(error.errno or 0)
    return known or Reason.CONNECTION_LOST


def make_info(url: str, found: StoredObject | None, now: float) -> ResponseInfo:
    """Return what there is to say of an object in the columns of an answer."""
    facts = found.facts if found is not None else None
    changed = facts.changed_at if facts is not None else None
    return ResponseInfo(
        final_url=url,
        http_status=None,
        content_type=facts.content_type if facts is not None else None,
        etag=facts.etag if facts is not None else None,
        last_modified=None if changed is None else formatdate(changed, usegmt=True),
        fetched_at=now,
        body_bytes=len(found.data) or None if found is not None else None,
    )
