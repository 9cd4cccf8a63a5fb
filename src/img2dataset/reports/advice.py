"""Report -> the one line that says what happened and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from img2dataset.errors import Reason, Status
from img2dataset.options.url_schemes import WEB_SCHEMES, make_refusal_label
from img2dataset.report import Report
from img2dataset.reports.http_codes import count_http_codes
from img2dataset.reports.rates import compute_share
from img2dataset.tally import Tally
from img2dataset.text import plural

SAME_COMMAND = "run the same command again"
ONCE_ONLY = frozenset({"overwrite", "extend"})
"""Modes that begin something new in each run: only incremental resumes it."""
MAX_NAMES = 10

NETWORK = "check this machine's network, proxy and firewall, or lower thread_count"
GONE = ("404", "410")
"""Status codes by which a server says that there is nothing, not that it refuses."""
LIST = "check url_list, input_format and url_col"
FILTER = "the filters min_image_size, max_image_area and max_aspect_ratio leave nothing"

CAUSES: Mapping[Reason, str] = {
    Reason.MALFORMED_LINE: LIST,
    Reason.URL_MISSING: LIST,
    Reason.URL_INVALID: LIST,
    Reason.SCHEME_NOT_ALLOWED: f"url_schemes says which are fetched; {LIST}",
    Reason.OBJECT_NOT_FOUND: "look for one of them; paths of files are those of the workers' machines",
    Reason.OBJECT_FORBIDDEN: "check the credentials that fsspec finds for this store, and its rights",
    Reason.CREDENTIALS_EXPIRED: "renew them, and run with incremental_mode=retry",
    Reason.NOT_A_FILE: "they are folders, devices or pipes: check url_col",
    Reason.HOST_NOT_RESOLVED: "check this machine's network and DNS, or name other dns_servers",
    Reason.NO_SUCH_HOST: "their names are gone from the DNS; check url_col, or another dns_servers",
    Reason.ADDRESS_NOT_ALLOWED: "names or redirects lead to private addresses: if that is what "
    "you want, private_addresses=allow",
    Reason.HOST_GIVEN_UP: "their hosts do not answer, or refuse every request (429, 503); "
    "try later",
    Reason.HOST_ASKS_FOR_REST: "their hosts want to be left alone for now; try later",
    Reason.TDM_RESERVED: "their owners reserve this use; see respect_tdm_reservation",
    Reason.TDMREP: "their owners reserve this use; see respect_tdm_reservation",
    Reason.CONTENT_USAGE: "their owners forbid training; see respect_content_usage",
    Reason.ROBOTS_TXT_TRAINING: "their owners forbid training; see robots_txt",
    Reason.ROBOTS_TXT: "their owners forbid this use; see robots_txt",
    Reason.ROBOTS_TXT_UNAVAILABLE: "the hosts' robots.txt cannot be had, which means no for now; "
    "try later",
    Reason.CONNECT_FAILED: NETWORK,
    Reason.CONNECT_TIMEOUT: NETWORK,
    Reason.PROXY_REFUSED: "check http_proxy, https_proxy and no_proxy: the proxy wants a user and "
    "password (http://user:password@proxy:port), or forbids these hosts",
    Reason.PROXY_FAILED: "check that the proxy is connected to the internet, or try later",
    Reason.TLS: NETWORK,
    Reason.CERTIFICATE: "check this machine's clock and CA certificates, or a proxy that replaces "
    "certificates",
    Reason.TIMEOUT: f"raise timeout; {NETWORK}",
    Reason.TOO_SLOW: NETWORK,
    Reason.CONNECTION_LOST: NETWORK,
    Reason.BODY_TOO_LARGE: "raise max_image_bytes",
    Reason.HTTP_STATUS: "the servers refuse: see which codes above, and open one URL in a browser",
    Reason.HTTP_STATUS_TRANSIENT: "the servers are busy or refuse so many requests: lower "
    "thread_count, raise retries, or try later",
    Reason.OPTED_OUT: "their owners forbid this use; see disallowed_header_directives",
    Reason.HASH_MISMATCH: "check that verify_hash names the right column, and its type",
    Reason.NOT_AN_IMAGE: "the servers answer with something else: open one URL in a browser",
    Reason.DECODER_CRASHED: "a decoder fails, or memory runs out: lower max_decoded_pixels, or "
    "report one of the images",
    Reason.DECODER_TIMEOUT: "raise max_decode_seconds",
    Reason.SVG: "drawings have no pixels: they are not supported",
    Reason.VIDEO: "the list names videos: check url_col",
    Reason.HEIC: "pip install 'img2dataset[heic]'",
    Reason.JXL: "pip install 'img2dataset[jxl]'",
    Reason.TOO_MANY_PIXELS: "raise max_decoded_pixels",
    Reason.TOO_SMALL: FILTER,
    Reason.AREA_TOO_LARGE: FILTER,
    Reason.ASPECT_RATIO: FILTER,
    Reason.BAD_BOXES: "check bbox_col: boxes are [x_min, y_min, x_max, y_max] in 0..1",
}
"""What to look into if every row failed for a reason; the others have DEFAULTS."""

OTHER_MODES = {
    "retry": "retry fetches again what failed for a transient reason",
    "overwrite": "overwrite starts afresh",
}
"""What else can be done with a finished dataset."""

DEFAULTS = {
    Status.SUCCESS: "",
    Status.FAILED_TO_DOWNLOAD: "open one URL of the list in a browser",
    Status.FAILED_TO_RESIZE: "look at one of the images",
}


def make_last_line(report: Report) -> str:
    """Say what happened and what to do next; a script reads `Report.exit_code`."""
    where = report.output_folder
    if report.interrupted:
        stored = plural(report.shards_done, "shard")
        before = f", {report.shards_skipped:,} done before" if report.shards_skipped else ""
        return f"interrupted: {stored} stored in {where}{before}{describe_unfinished(report)}; {name_command(report)} to go on"
    if report.shards_not_done:
        return (
            f"not done: {plural(len(report.shards_not_done), 'shard')} failed "
            f"({list_some(report.shards_not_done)}); {name_command(report)} to do what is left"
        )
    if report.count == 0:
        return describe_nothing_to_do(report)
    if report.exit_code != 0:
        cause = recall_doubt(report) or find_likely_cause(
            report.reasons, report.tally.labels, report.url_schemes
        )
        return f"not one image succeeded: {cause}"
    return (
        f"done: {describe_images(report)}{describe_recovered(report)}{describe_transient(report)}"
    )


def describe_images(report: Report) -> str:
    """Say how many rows have an image: in the folder if that is known, and in this run."""
    where, own, whole = report.output_folder, report.tally, report.dataset
    if whole is None:
        return f"{count_images(own)} in {'' if report.is_alone else 'this run, into '}{where}"
    is_told = own.count in (whole.count, report.retried)
    this_run = "" if is_told else f"; this run: {count_images(own)}"
    return f"{count_images(whole)} in {where}{this_run}"


def count_images(tally: Tally) -> str:
    share = compute_share(tally.successes, tally.count)
    return f"{plural(tally.successes, 'image')} of {plural(tally.count, 'row')} ({share:.1%})"


def name_command(report: Report) -> str:
    """Name the command that resumes the dataset."""
    if report.incremental_mode in ONCE_ONLY:
        return f"{SAME_COMMAND} with incremental_mode=incremental"
    return SAME_COMMAND


def describe_unfinished(report: Report) -> str:
    """Say what becomes of the shards that an interrupted run had begun."""
    begun, again = len(report.shards_not_done), len(report.retry_interrupted)
    lost = plural(begun, "unfinished shard is", "unfinished shards are")
    same = plural(
        again, "shard that was being retried keeps", "shards that were being retried keep"
    )
    return (
        f"{f', {lost} not kept' if begun else ''}"
        f"{f', {same} what {choose_pronoun(again)} had' if again else ''}"
    )


def choose_pronoun(count: int) -> str:
    return "it" if count == 1 else "they"


def describe_transient(report: Report) -> str:
    """Say how to retry the rows that failed for a transient reason."""
    transient = (report.tally if report.dataset is None else report.dataset).transient
    if report.retry is not None or transient == 0:
        return ""
    rows = f"; {plural(transient, 'row')} failed for a transient reason"
    if "retry" in report.refused_modes:
        return rows
    return f"{rows}: incremental_mode=retry fetches them again{advise_without_part(report)}"


def advise_without_part(report: Report) -> str:
    """Say what to leave out of the command of a part, so that it is about the whole dataset."""
    return "" if report.part is None else " (without part)"


def describe_recovered(report: Report) -> str:
    if report.retry is None:
        return ""
    return f"; {report.recovered:,} of {plural(report.retried, 'row')} fetched again came back"


def describe_nothing_to_do(report: Report) -> str:
    if report.shards_skipped == 0 and report.part is not None:
        return f"nothing to do: the list has no shard for part {report.part}"
    if report.shards_skipped == 0:
        return f"nothing to do: the list is empty; {LIST}"
    if report.retry is not None:
        return f"nothing to do: {describe_done_before(report)}, and no row in it failed for a transient reason"
    ways = [text for mode, text in OTHER_MODES.items() if mode not in report.refused_modes]
    more = f"; incremental_mode={', '.join(ways)}{advise_without_part(report)}" if ways else ""
    return f"nothing to do: {describe_done_before(report)}{more}"


def describe_done_before(report: Report) -> str:
    shards = plural(report.shards_skipped, "shard")
    was = "was" if report.shards_skipped == 1 else "were"
    images = "" if report.has_images else ", without a single image"
    return f"{shards} in {report.output_folder} {was} done before{images}"


def find_likely_cause(
    reasons: Mapping[str, int], labels: Mapping[str, int], url_schemes: Sequence[str] = WEB_SCHEMES
) -> str:
    """Name the most frequent reason, and what to look into; `labels` are the error strings."""
    if not reasons:
        return "no row was tried"
    name, count = min(reasons.items(), key=lambda item: (-item[1], item[0]))
    reason = Reason.named(name)
    cause = CAUSES.get(reason, DEFAULTS[reason.status])
    if reason is Reason.HTTP_STATUS:
        codes = count_http_codes(labels, transient=False)
        if any(code in GONE for code, _ in codes.most_common(1)):
            cause = f"the links are dead, or are no URLs of images: open one in a browser; {LIST}"
    is_scheme = reason is Reason.SCHEME_NOT_ALLOWED
    label = make_refusal_label(url_schemes) if is_scheme else reason.label
    return f"{compute_share(count, sum(reasons.values())):.0%} are {name} ({label}): {cause}"


def recall_doubt(report: Report) -> str | None:
    """Recall what was said of the list when the run began, if its format was in doubt."""
    return next((text for text in report.list_notices if "input_format=" in text), None)


def list_some(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more:,} more" if more > 0 else "")
