"""Every option, declared once: name, type, default, help, check.

The command line, `docs/options.md` and the signature of `download` are made from `Options`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from ipaddress import ip_address
from typing import Any

from img2dataset.errors import OptionError
from img2dataset.output_format import NAMES, describe_formats

RESERVED_COLUMNS = (
    "key",
    "caption",
    "url",
    "width",
    "height",
    "original_width",
    "original_height",
    "status",
    "error_message",
    "exif",
    "md5",
    "sha256",
    "sha512",
)
"""Metadata columns of ours, which save_additional_columns may therefore not contain."""


FETCH_COLUMNS = (
    "final_url",
    "http_status",
    "content_type",
    "etag",
    "last_modified",
    "fetched_at",
    "body_bytes",
)
"""Metadata columns that save_fetch_metadata adds."""

OPT_OUT = "opt_out"
"""Metadata column that save_opt_out_signals adds."""


class Group(str, Enum):
    """Headings of --help and of the reference, in this order."""

    INPUT = "Input"
    OUTPUT = "Output"
    IMAGES = "Images"
    FILTERS = "Filters"
    DOWNLOAD = "Download"
    MANNERS = "Opt-out and identity"
    RUN = "Running and resuming"
    REPORTS = "Reports"


Check = Callable[[Any], "str | None"]
"""Takes a value; returns what is allowed if it is not, else None."""


def one_of(*allowed: str) -> Check:
    def check(value: Any) -> str | None:
        return None if value in allowed else f"one of {', '.join(allowed)}"

    return check


def at_least(low: float) -> Check:
    def check(value: Any) -> str | None:
        return None if value >= low else f"{low:g} or more"  # also refuses NaN

    return check


def between(low: float, high: float) -> Check:
    def check(value: Any) -> str | None:
        return None if low <= value <= high else f"{low:g} to {high:g}"

    return check


def directives(value: Any) -> str | None:
    good = all(re.fullmatch(r"\s*[A-Za-z][A-Za-z_-]*\s*", directive) for directive in value)
    return None if good else "a list of words such as noai, or [] for no check"


def interpolation(value: Any) -> str | None:
    allowed = ("nearest", "linear", "bilinear", "cubic", "bicubic", "area", "lanczos", "lanczos4")
    return None if value.lower() in allowed else f"one of {', '.join(allowed)} (any case)"


def not_empty(value: Any) -> str | None:
    return None if value else "something that is not empty"


def header_safe(value: Any) -> str | None:
    good = bool(value) and value.isascii() and value.isprintable()
    return None if good else "printable ASCII text"


def contact(value: Any) -> str | None:
    """Something to write to, which cannot end the comment that it stands in."""
    good = re.fullmatch(r"(?:mailto:)?[^\s@/:]+@[^\s@/:]+|https?://[^\s]+", value)
    safe = value.isascii() and value.isprintable() and not re.search(r"[()\\;]", value)
    return None if good and safe else "an e-mail address or an http(s) URL"


def finite_seconds(value: Any) -> str | None:
    return None if 0 < value <= 86_400 else "more than 0 and at most 86400 seconds"


def seconds_or_none(value: Any) -> str | None:
    return None if 0 <= value <= 86_400 else "0 to 86400 seconds"


def index_and_count(value: Any) -> str | None:
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", value, re.ASCII)
    good = match is not None and int(match[1]) < int(match[2])
    return None if good else "i/N with 0 <= i < N, such as 0/4, 1/4, 2/4, 3/4"


def name_servers(value: Any) -> str | None:
    good = value and all(is_address_and_port(server) for server in value)
    return None if good else "a list of addresses such as 1.1.1.1, 127.0.0.1:5353 or [::1]:5353"


def is_address_and_port(text: str) -> bool:
    """Whether `text` is an IP address, IPv6 in brackets if a port follows."""
    host, _, port = (
        text.rpartition(":") if re.search(r"\]:|^[^:]*:[^:]*$", text) else (text, "", "53")
    )
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return port.isascii() and port.isdigit() and 0 < int(port) < 65_536


def hash_pair(value: Any) -> str | None:
    good = len(value) == 2 and value[1] in HASHES
    return None if good else f"a pair [column, type] with a type among {', '.join(HASHES)}"


HASHES = ("md5", "sha256", "sha512")
INPUT_FORMATS = (
    "txt", "csv", "tsv", "json", "jsonl",
    "txt.gz", "csv.gz", "tsv.gz", "json.gz", "jsonl.gz",
    "parquet",
)  # fmt: skip


def option(
    default: Any,
    help: str,  # noqa: A002  (the word that argparse and the field use)
    group: Group,
    *,
    check: Check | None = None,
    shapes_output: bool = False,
) -> Any:
    """Declare one option.

    `help` is what --help and the documentation say.  `shapes_output` marks options that
    change what is stored: a run may not be resumed with other values of them.
    """
    return field(
        default=default,
        metadata={"help": help, "group": group, "check": check, "shapes_output": shapes_output},
    )


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of `img2dataset.download`, in their positional order."""

    url_list: Any = field(
        metadata={
            "help": "the list: a file, a folder of such files, a glob pattern (** for any depth), "
            "several of these, any fsspec URL, - for standard input, or the URL of one image; in Python also a list of URLs, a pyarrow Table or "
            "a pandas DataFrame",
            "group": Group.INPUT,
            "check": None,
            "shapes_output": False,  # the files themselves are compared, see dataset/plan.py
        }
    )
    image_size: int = option(
        256,
        "side to resize to, in pixels",
        Group.IMAGES,
        check=between(1, 65_500),
        shapes_output=True,
    )
    output_folder: str = option(
        "images", "where the dataset goes: a folder or any fsspec URL", Group.OUTPUT,
        check=not_empty,
    )  # fmt: skip
    processes_count: int = option(
        1, "worker processes; one already uses every core for pixels. With pyspark and ray: cores "
        "of the session or cluster that is made if there is none", Group.RUN, check=at_least(1),
    )  # fmt: skip
    resize_mode: str = option(
        "border",
        "no: as it is; border: fit inside and pad with white; keep_ratio: shortest side; "
        "keep_ratio_largest: longest side; center_crop: shortest side, then crop to a square",
        Group.IMAGES,
        check=one_of("no", "border", "keep_ratio", "keep_ratio_largest", "center_crop"),
        shapes_output=True,
    )
    resize_only_if_bigger: bool = option(
        False, "leave images alone that are not bigger than image_size", Group.IMAGES,
        shapes_output=True,
    )  # fmt: skip
    upscale_interpolation: str = option(
        "lanczos", "how to enlarge: nearest, linear, bilinear, cubic, bicubic, area, lanczos, "
        "lanczos4", Group.IMAGES, check=interpolation, shapes_output=True,
    )  # fmt: skip
    downscale_interpolation: str = option(
        "area", "how to shrink: the same names", Group.IMAGES, check=interpolation,
        shapes_output=True,
    )  # fmt: skip
    encode_quality: int = option(
        95,
        "jpg: 0 to 100; webp: 1 to 100, more = lossless; png: compression level 0 to 9 "
        "(6 unless given)",
        Group.IMAGES,
        shapes_output=True,
    )
    encode_format: str = option(
        "jpg", "image format and file extension: jpg, png or webp", Group.IMAGES,
        check=one_of("jpg", "png", "webp"), shapes_output=True,
    )  # fmt: skip
    skip_reencode: bool = option(
        False, "keep the original bytes when no step changed the pixels and the format is right",
        Group.IMAGES, shapes_output=True,
    )  # fmt: skip
    output_format: str = option(
        "files",
        describe_formats(),
        Group.OUTPUT,
        check=one_of(*NAMES),
        shapes_output=True,
    )
    input_format: str = option(
        "txt", "txt, csv, tsv, json or jsonl, each also with .gz; or parquet", Group.INPUT,
        check=one_of(*INPUT_FORMATS), shapes_output=True,
    )  # fmt: skip
    url_col: str = option(
        "url", "column with the URL (not for txt)", Group.INPUT, check=not_empty,
        shapes_output=True,
    )  # fmt: skip
    caption_col: str | None = option(
        None, "column with the caption; switches captions on", Group.INPUT, shapes_output=True
    )
    bbox_col: str | None = option(
        None, "column of boxes to blur: lists of [x_min, y_min, x_max, y_max] in 0..1",
        Group.INPUT, shapes_output=True,
    )  # fmt: skip
    thread_count: int = option(
        256, "downloads in flight, per process", Group.DOWNLOAD, check=at_least(1)
    )
    number_sample_per_shard: int = option(
        10000, "rows per shard", Group.OUTPUT, check=at_least(1), shapes_output=True
    )
    extract_exif: bool = option(
        True, "add the EXIF tags to the metadata", Group.OUTPUT, shapes_output=True
    )
    save_additional_columns: Sequence[str] | None = option(
        None, "input columns to copy to the metadata", Group.INPUT, shapes_output=True
    )
    timeout: float = option(
        10, "seconds for one URL, redirects included", Group.DOWNLOAD, check=finite_seconds
    )
    enable_wandb: bool = option(
        False, "log to Weights & Biases (needs img2dataset[wandb])", Group.REPORTS
    )
    wandb_project: str = option("img2dataset", "its project name", Group.REPORTS, check=not_empty)
    oom_shard_count: int = option(
        5, "digits of shard names", Group.OUTPUT, check=between(1, 100), shapes_output=True
    )
    compute_hash: str | None = option(
        "sha256", "md5, sha256, sha512 or None: hash of the downloaded bytes", Group.OUTPUT,
        check=one_of(*HASHES), shapes_output=True,
    )  # fmt: skip
    verify_hash: Sequence[str] | None = option(
        None, "[column, type]: refuse images whose hash is not that column's", Group.INPUT,
        check=hash_pair, shapes_output=True,
    )  # fmt: skip
    distributor: str = option(
        "multiprocessing",
        "multiprocessing: this machine; pyspark: the active Spark session, ray: the connected or "
        "running Ray cluster, or else one that is made here",
        Group.RUN,
        check=one_of("multiprocessing", "pyspark", "ray"),
    )
    subjob_size: int = option(
        1000, "shards that Spark or Ray are given at once", Group.RUN, check=at_least(1)
    )
    retries: int = option(
        0, "extra attempts per URL, for failures that may pass", Group.DOWNLOAD, check=at_least(0)
    )
    disable_all_reencoding: bool = option(
        False, "store the bytes untouched: no decode, no resize, no filters", Group.IMAGES,
        shapes_output=True,
    )  # fmt: skip
    min_image_size: int = option(
        0, "refuse images whose shortest side is less", Group.FILTERS, check=at_least(0),
        shapes_output=True,
    )  # fmt: skip
    max_image_area: float = option(
        math.inf, "refuse images with more pixels", Group.FILTERS, check=at_least(0),
        shapes_output=True,
    )  # fmt: skip
    max_aspect_ratio: float = option(
        math.inf, "refuse images whose longest side is more than this many times the shortest",
        Group.FILTERS, check=at_least(1), shapes_output=True,
    )  # fmt: skip
    incremental_mode: str = option(
        "incremental",
        "incremental: skip shards that are done; overwrite: empty the folder first; "
        "extend: number new shards after those there are; retry: as incremental, and fetch again "
        "those rows of shards that are done which failed for a reason that may pass",
        Group.RUN,
        check=one_of("incremental", "overwrite", "extend", "retry"),
    )
    max_shard_retry: int = option(
        1, "times a failed shard is tried again at the end", Group.RUN, check=at_least(0)
    )
    user_agent_token: str | None = option(
        None, "added to the User-Agent, and matched against X-Robots-Tag", Group.MANNERS,
        check=header_safe,
    )  # fmt: skip
    disallowed_header_directives: Sequence[str] | None = option(
        None,
        "X-Robots-Tag directives that refuse an image; None = noai, noimageai, noindex, "
        "noimageindex; [] = do not check",
        Group.MANNERS,
        check=directives,
    )
    ignore_ssl_certificate: bool = option(False, "do not verify TLS certificates", Group.DOWNLOAD)
    # new since 1.47.0
    max_image_bytes: int = option(
        64_000_000, "largest body accepted, in bytes", Group.DOWNLOAD, check=at_least(1)
    )
    max_decoded_pixels: int = option(
        256_000_000, "refuse images with more pixels, before they are decoded", Group.FILTERS,
        check=at_least(1),
    )  # fmt: skip
    apply_exif_orientation: bool = option(
        True, "turn photos upright as their EXIF orientation says", Group.IMAGES,
        shapes_output=True,
    )  # fmt: skip
    user_agent: str | None = option(
        None, "replaces the whole User-Agent", Group.MANNERS, check=header_safe
    )
    max_connections_per_host: int | None = option(
        None,
        "never more requests at once to one host, over all processes of this machine or workers "
        "of the cluster; None = as many as the host takes well, from 16 upwards",
        Group.MANNERS,
        check=at_least(1),
    )
    min_delay_per_host: float = option(
        0.0,
        "seconds between the starts of two requests to one host, over all processes of this "
        "machine or workers of the cluster",
        Group.MANNERS,
        check=seconds_or_none,
    )
    robots_txt: str = option(
        "ignore", "respect: fetch robots.txt once per site and obey it; or ignore", Group.MANNERS,
        check=one_of("ignore", "respect"),
    )  # fmt: skip
    respect_tdm_reservation: bool = option(
        True,
        "refuse images whose answer says tdm-reservation: 1 (TDMRep); False = do not check",
        Group.MANNERS,
    )
    private_addresses: str = option(
        "listed",
        "private, loopback and other addresses that are not public: allow them; allow only those "
        "that are listed, that is, written as such (or as localhost) in the list; or deny them",
        Group.DOWNLOAD,
        check=one_of("allow", "listed", "deny"),
    )
    dns_servers: Sequence[str] | None = option(
        None, "addresses of name servers, each with :port if it is not 53; None = the system's",
        Group.DOWNLOAD, check=name_servers,
    )  # fmt: skip
    save_fetch_metadata: bool = option(
        False, "add final_url, http_status, content_type, etag, last_modified, fetched_at and "
        "body_bytes to the metadata", Group.OUTPUT, shapes_output=True,
    )  # fmt: skip
    max_decode_seconds: float = option(
        120.0,
        "seconds of CPU time for decoding, resizing and encoding one image (five times as long "
        "where it only waits); it fails if it takes more",
        Group.FILTERS,
        check=finite_seconds,
    )
    convert_to_srgb: bool = option(
        False, "convert colours by the image's ICC profile to sRGB; else the profile is dropped",
        Group.IMAGES, shapes_output=True,
    )  # fmt: skip

    max_storage_wait: float = option(
        600.0,
        "seconds to wait for a full disk, or an object store that is down; then the run stops, "
        "and the same command goes on",
        Group.RUN,
        check=seconds_or_none,
    )

    part: str | None = option(
        None,
        "i/N: do only every N-th shard of the list, from the i-th on; 0 <= i < N. For schedulers "
        "that run the same command many times: Slurm arrays, Kubernetes indexed jobs",
        Group.RUN,
        check=index_and_count,
    )
    user_agent_contact: str | None = option(
        None,
        "an e-mail address or URL of yours, added to the User-Agent, where site owners can reach "
        "you before they block you",
        Group.MANNERS,
        check=contact,
    )
    respect_content_usage: bool = option(
        True,
        "refuse images whose answer says Content-Usage: train-ai=n (AIPREF); False = do not check",
        Group.MANNERS,
    )
    save_opt_out_signals: bool = option(
        False,
        "add opt_out to the metadata: a list of every opt-out signal of a row, as name=value, "
        "from headers, robots.txt (if it is respected) and the image's own IPTC and C2PA data",
        Group.OUTPUT,
        shapes_output=True,
    )

    accept_changed_list: bool = option(
        False,
        "go on with a dataset whose list has changed: shards that are done and that the list, as "
        "it is now, would not give are removed and made again; all others are kept. Without it "
        "such a list is refused; one that touches no shard that is done is always taken",
        Group.RUN,
    )

    verbose: bool = option(
        False,
        "on a terminal, show the total after each shard too, as in logs",
        Group.RUN,
    )

    def __post_init__(self) -> None:
        for declared in fields(self):
            if declared.name != "url_list":
                _check_type(declared.name, getattr(self, declared.name), str(declared.type))
                _check_value(declared.name, getattr(self, declared.name), declared.metadata)
        _check_together(self)

    @property
    def part_of(self) -> tuple[int, int]:
        """(i, N): the shards whose number leaves i when divided by N are ours."""
        index, _, count = (self.part or "0/1").partition("/")
        return int(index), int(count)

    @property
    def png_level(self) -> int:
        """encode_quality for png: 95, the default made for jpg, means zlib's usual level."""
        return 6 if self.encode_quality == _default("encode_quality") else self.encode_quality

    @property
    def additional_columns(self) -> tuple[str, ...]:
        """Input columns kept under their own names, in order; bbox_col is the last of them."""
        named = dict.fromkeys(self.save_additional_columns or ())
        if self.bbox_col is None:
            return tuple(named)
        named.pop(self.bbox_col, None)
        return (*named, self.bbox_col)


def _default(name: str) -> Any:
    return next(declared.default for declared in fields(Options) if declared.name == name)


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "int": (
        lambda value: isinstance(value, int) and not isinstance(value, bool),
        "a whole number",
    ),
    "float": (
        lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
        "a number",
    ),
    "str": (lambda value: isinstance(value, str), "text"),
    "Sequence[str]": (
        lambda value: isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value),
        "a list of texts",
    ),
}
"""Type of an option -> whether a value has it, and how to say so."""


def _check_type(name: str, value: Any, declared: str) -> None:
    kind, _, optional = declared.partition(" | ")
    if value is None and optional == "None":
        return
    fits, allowed = KINDS[kind]
    if not fits(value):
        raise OptionError(
            f"{name} is {value!r}: it must be {allowed}{' or None' if optional else ''}"
        )


def _check_value(name: str, value: Any, metadata: Any) -> None:
    check: Check | None = metadata["check"]
    if check is None or value is None:
        return
    allowed = check(value)
    if allowed is not None:
        raise OptionError(f"{name} is {value!r}: it must be {allowed}")


QUALITY = {"jpg": (0, 100), "png": (0, 9), "webp": (1, 1_000_000)}
"""encode_format -> range of encode_quality; webp above 100 is lossless."""


def _check_together(options: Options) -> None:
    """What no option can check alone."""
    low, high = QUALITY[options.encode_format]
    quality = options.png_level if options.encode_format == "png" else options.encode_quality
    if not low <= quality <= high:
        allowed = f"{low} to {high}" if options.encode_format != "webp" else "1 or more"
        raise OptionError(
            f"encode_quality is {quality}: it must be {allowed} for {options.encode_format}"
        )
    if options.verify_hash is not None and options.verify_hash[1] != options.compute_hash:
        raise OptionError(
            f"verify_hash is {list(options.verify_hash)!r}: its type must be the same as "
            f"compute_hash, which is {options.compute_hash!r}"
        )
    if options.incremental_mode == "retry" and options.distributor != "multiprocessing":
        raise OptionError(
            f"incremental_mode is 'retry' and distributor is {options.distributor!r}, which may do a "
            "task twice at once; shards are completed in place with multiprocessing only"
        )
    if options.bbox_col in RESERVED_COLUMNS:
        raise OptionError(
            f"bbox_col is {options.bbox_col!r}: the column keeps its name in the metadata, and "
            "img2dataset reserves this name there; rename the column"
        )
    reserved = sorted(set(options.additional_columns) & set(RESERVED_COLUMNS))
    if reserved:
        raise OptionError(
            f"save_additional_columns contains {', '.join(reserved)}: img2dataset reserves "
            "these names for its own metadata; rename the columns or leave them out"
        )
    fetched = sorted(set(options.additional_columns) & set(FETCH_COLUMNS))
    if options.save_fetch_metadata and fetched:
        raise OptionError(
            f"save_additional_columns contains {', '.join(fetched)}: save_fetch_metadata stores "
            "something of its own under this name; rename the columns or leave one of the two out"
        )
    if options.part_of[1] > 1 and options.incremental_mode != "incremental":
        raise OptionError(
            f"part is {options.part!r} and incremental_mode is {options.incremental_mode!r}: a part "
            "may not change what the others do; use this mode without part, before the first part "
            "or after the last"
        )
    _check_untouched(options)
    _check_manners(options)


def _check_manners(options: Options) -> None:
    """Refuse what would silently not be sent, or not be stored."""
    if options.user_agent is not None and options.user_agent_contact is not None:
        raise OptionError(
            f"user_agent is {options.user_agent!r}, which replaces the whole User-Agent, so that "
            "user_agent_contact would not be sent: write the contact into user_agent, or leave one "
            "of the two out"
        )
    if options.save_opt_out_signals and OPT_OUT in options.additional_columns:
        raise OptionError(
            f"save_additional_columns contains {OPT_OUT}: save_opt_out_signals stores something of "
            "its own under this name; rename the column or leave one of the two out"
        )


def _check_untouched(options: Options) -> None:
    """Refuse what disable_all_reencoding leaves undone, where it would be missed."""
    if not options.disable_all_reencoding:
        return
    if options.bbox_col is not None:
        raise OptionError(
            f"disable_all_reencoding is True and bbox_col is {options.bbox_col!r}: boxes cannot "
            "be blurred without encoding the image again; leave one of the two out"
        )
    if options.convert_to_srgb:
        raise OptionError(
            "disable_all_reencoding is True and convert_to_srgb is True: colours cannot be "
            "converted without encoding the image again; leave one of the two out"
        )


def shaping_options(options: Options) -> dict[str, Any]:
    """The options that change what is stored: part of a run's identity.

    Values that mean the same are the same: letter case of interpolations, [] and None.
    """
    values = {
        declared.name: getattr(options, declared.name)
        for declared in fields(options)
        if declared.metadata["shapes_output"]
    }
    for name in ("upscale_interpolation", "downscale_interpolation"):
        values[name] = values[name].lower()
    values["save_additional_columns"] = values["save_additional_columns"] or None
    return values
