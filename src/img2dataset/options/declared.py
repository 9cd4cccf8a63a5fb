"""Every option, declared once: name, type, default, help, check."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from img2dataset.options.checks import (
    OneOf,
    at_least,
    between,
    contact_address,
    directive_words,
    hash_pair,
    header_text,
    index_and_count,
    index_kinds,
    not_empty,
    port_or_switch,
    positive_seconds,
    seconds,
    server_addresses,
)
from img2dataset.options.choices import (
    ALL_INDEXES,
    DistributorName,
    EncodeFormat,
    HashType,
    IncrementalMode,
    IndexKind,
    InputFormat,
    Interpolation,
    LogFormat,
    MdsCompression,
    ParquetLayout,
    PrivateAddresses,
    ProgressDisplay,
    ResizeMode,
    RobotsTxt,
)
from img2dataset.options.option import REQUIRED, Group, SwitchOrNumber, option
from img2dataset.output_format import OutputFormat, describe_formats

FIRST_PORT = 8260
"""The first port that a dashboard tries, if none is given."""
DEFAULT_QUALITY = 95
PNG_LEVEL = 6
"""Compression level of png, unless encode_quality says another: zlib's usual one."""


@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)
class DeclaredOptions:
    """The options of a run, in the order of the positional ones.

    Only `Options` is made, which has the methods of a dataclass and checks the values.
    """

    # not shapes_output: the files themselves are compared, see dataset/plan.py
    url_list: Any = option(  # noqa: RUF009  (declares a field, as the others)
        REQUIRED,
        "the list: a file, a folder of such files, a glob pattern (** for any depth), several of "
        "these, any fsspec URL, - for standard input, or the URL of one image; in Python also a "
        "list of URLs, a pyarrow Table or a pandas DataFrame",
        Group.INPUT,
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
        check=not_empty, stores=True,
    )  # fmt: skip
    processes_count: int = option(
        1, "worker processes; one already uses every core for pixels. With pyspark and ray: cores "
        "of the session or cluster that is made if there is none", Group.RUN, check=at_least(1),
    )  # fmt: skip
    resize_mode: str = option(
        "border",
        ResizeMode.explained(),
        Group.IMAGES,
        check=OneOf(ResizeMode),
        shapes_output=True,
    )
    resize_only_if_bigger: bool = option(
        False, "leave images alone that are not bigger than image_size", Group.IMAGES,
        shapes_output=True,
    )  # fmt: skip
    upscale_interpolation: str = option(
        "lanczos", f"how to enlarge: {Interpolation.listed()}", Group.IMAGES,
        check=OneOf(Interpolation, any_case=True), shapes_output=True,
    )  # fmt: skip
    downscale_interpolation: str = option(
        "area", "how to shrink: the same names", Group.IMAGES, check=OneOf(Interpolation, any_case=True), shapes_output=True,
    )  # fmt: skip
    encode_quality: int = option(
        DEFAULT_QUALITY,
        "jpg: 0 to 100; webp: 1 to 100, more = lossless; png: compression level 0 to 9 "
        "(6 unless given)",
        Group.IMAGES,
        shapes_output=True,
    )
    encode_format: str = option(
        "jpg", f"image format and file extension: {EncodeFormat.listed()}", Group.IMAGES,
        check=OneOf(EncodeFormat), shapes_output=True,
    )  # fmt: skip
    skip_reencode: bool = option(
        False, "keep the original bytes when no step changed the pixels and the format is right",
        Group.IMAGES, shapes_output=True,
    )  # fmt: skip
    output_format: str = option(
        "files",
        describe_formats(),
        Group.OUTPUT,
        check=OneOf(OutputFormat),
        shapes_output=True,
        stores=True,
    )
    input_format: str = option(
        "txt", "txt, csv, tsv, json or jsonl, each also with .gz, .zst, .bz2 or .xz; or parquet; or "
        "folder: url_list is a folder of images", Group.INPUT,
        check=OneOf(InputFormat), shapes_output=True,
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
        None,
        "input columns to copy to the metadata; * = all of them",
        Group.INPUT,
        shapes_output=True,
    )
    timeout: float = option(
        10, "seconds for one URL, redirects included", Group.DOWNLOAD, check=positive_seconds
    )
    enable_wandb: bool = option(
        False,
        "log to Weights & Biases (needs img2dataset[wandb])",
        Group.REPORTS,
        stores=True,
    )
    wandb_project: str = option(
        "img2dataset", "its project name", Group.REPORTS, check=not_empty, stores=True
    )
    oom_shard_count: int = option(
        5, "digits of shard names", Group.OUTPUT, check=between(1, 100), shapes_output=True
    )
    compute_hash: str | None = option(
        "sha256", f"{', '.join(HashType.names())} or None: hash of the downloaded bytes", Group.OUTPUT,
        check=OneOf(HashType), shapes_output=True,
    )  # fmt: skip
    verify_hash: Sequence[str] | None = option(
        None, "[column, type]: refuse images whose hash is not that column's", Group.INPUT,
        check=hash_pair, shapes_output=True,
    )  # fmt: skip
    distributor: str = option(
        "multiprocessing",
        DistributorName.explained(),
        Group.RUN,
        check=OneOf(DistributorName),
        stores=True,
    )
    subjob_size: int = option(
        1000,
        "shards that Spark or Ray are given at once",
        Group.RUN,
        check=at_least(1),
        stores=True,
    )
    retries: int = option(
        0, "extra attempts per URL, for transient failures", Group.DOWNLOAD, check=at_least(0)
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
        IncrementalMode.explained(),
        Group.RUN,
        check=OneOf(IncrementalMode),
        stores=True,
    )
    max_shard_retry: int = option(
        1, "times a failed shard is tried again at the end", Group.RUN, check=at_least(0)
    )
    user_agent_token: str | None = option(
        None, "added to the User-Agent, and matched against X-Robots-Tag", Group.MANNERS,
        check=header_text,
    )  # fmt: skip
    disallowed_header_directives: Sequence[str] | None = option(
        None,
        "X-Robots-Tag directives that refuse an image; None = noai, noimageai, noindex, "
        "noimageindex; [] = do not check",
        Group.MANNERS,
        check=directive_words,
    )
    ignore_ssl_certificate: bool = option(False, "do not verify TLS certificates", Group.DOWNLOAD)
    # new since 1.47.0: by name only
    _: KW_ONLY
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
        None, "replaces the whole User-Agent", Group.MANNERS, check=header_text
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
        check=seconds,
    )
    robots_txt: str = option(
        "ignore", f"robots.txt; {RobotsTxt.explained()}", Group.MANNERS, check=OneOf(RobotsTxt),
    )  # fmt: skip
    respect_tdm_reservation: bool = option(
        True,
        "refuse images whose answer says tdm-reservation: 1 (TDMRep); False = do not check",
        Group.MANNERS,
    )
    private_addresses: str = option(
        "listed",
        f"private, loopback and other addresses that are not public; {PrivateAddresses.explained()}",
        Group.DOWNLOAD,
        check=OneOf(PrivateAddresses),
    )
    dns_servers: Sequence[str] | None = option(
        None, "addresses of name servers, each with :port if it is not 53; None = the system's",
        Group.DOWNLOAD, check=server_addresses,
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
        check=positive_seconds,
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
        check=seconds,
    )

    part: str | None = option(
        None,
        "i/N: do only every N-th shard of the list, from the i-th on; 0 <= i < N. For schedulers "
        "that run the same command many times: Slurm arrays, Kubernetes indexed jobs",
        Group.RUN,
        check=index_and_count,
        stores=True,
    )
    user_agent_contact: str | None = option(
        None,
        "an e-mail address or URL of yours, added to the User-Agent, where site owners can reach "
        "you before they block you",
        Group.MANNERS,
        check=contact_address,
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
    parquet_layout: str = option(
        "default", f"of output_format parquet: {ParquetLayout.explained()}", Group.OUTPUT,
        check=OneOf(ParquetLayout), shapes_output=True, stores=True,
    )  # fmt: skip
    mds_compression: str = option(
        "none", f"of output_format mds: {MdsCompression.explained()}", Group.OUTPUT,
        check=OneOf(MdsCompression), shapes_output=True, stores=True,
    )  # fmt: skip

    accept_changed_list: bool = option(
        False,
        "go on with a dataset whose list has changed: shards that are done and that the list, as "
        "it is now, would not give are removed and made again; all others are kept. Without it "
        "such a list is refused; one that touches no shard that is done is always taken",
        Group.RUN,
        stores=True,
    )

    # not shapes_output: indexes can be added to a dataset, and left out
    indexes: Sequence[str] | None = option(
        None,
        f"index files for loaders of webdataset; {IndexKind.explained()}; {ALL_INDEXES}: all of "
        "these. None = those that the dataset has, [] = none. sizes.json is always written",
        Group.OUTPUT,
        check=index_kinds,
        stores=True,
    )

    dashboard: SwitchOrNumber = option(  # noqa: RUF009  (a name of bool and int, which do not change)
        False,
        "show the run in a browser, on a page of this machine alone: at the first free port from "
        f"{FIRST_PORT}, or at the port given",
        Group.REPORTS,
        check=port_or_switch,
        stores=True,
    )
    verbose: bool = option(
        False,
        "on a terminal, show the total after each shard too, as in logs",
        Group.REPORTS,
        stores=True,
    )
    quiet: bool = option(
        False,
        "print nothing but errors, whatever progress says; the exit code says the rest (in Python, "
        "the report)",
        Group.REPORTS,
        stores=True,
    )
    progress: str = option(
        "auto", f"how the run shows how far it is, on stderr; {ProgressDisplay.explained()}",
        Group.REPORTS, check=OneOf(ProgressDisplay), stores=True,
    )  # fmt: skip
    log_format: str = option(
        "text", f"how lines on stderr are written; {LogFormat.explained()}",
        Group.REPORTS, check=OneOf(LogFormat), stores=True,
    )  # fmt: skip
    metrics_port: int | None = option(
        None,
        "serve metrics for Prometheus on this port while the run lasts; 0 = a free one, which is "
        "said (needs img2dataset[metrics])",
        Group.REPORTS,
        check=between(0, 65_535),
        stores=True,
    )
    metrics_address: str = option(
        "127.0.0.1",
        "address that metrics are served at; 0.0.0.0 = all of this machine's, for anybody who "
        "can reach it",
        Group.REPORTS,
        check=not_empty,
        stores=True,
    )

    card: bool = option(
        True,
        "at the end, write what lets others load the dataset: README.md (the dataset card), "
        "croissant.json and, with files, metadata.parquet",
        Group.OUTPUT,
        stores=True,
    )

    @property
    def part_of(self) -> tuple[int, int]:
        """(i, N): the shards whose number leaves i when divided by N are this run's."""
        index, _, count = (self.part or "0/1").partition("/")
        return int(index), int(count)

    @property
    def index_kinds(self) -> tuple[str, ...]:
        """The kinds of `indexes`, each by its name."""
        named = self.indexes or ()
        return tuple(kind for kind in IndexKind.names() if kind in named or ALL_INDEXES in named)

    @property
    def encoder_quality(self) -> int:
        """encode_quality as encode_format takes it: for png, the default made for jpg means
        zlib's usual level."""
        is_default = self.encode_quality == DEFAULT_QUALITY
        return PNG_LEVEL if self.encode_format == "png" and is_default else self.encode_quality

    @property
    def additional_columns(self) -> tuple[str, ...]:
        """Input columns kept under their own names, in order; bbox_col is the last of them."""
        named = dict.fromkeys(self.save_additional_columns or ())
        if self.bbox_col is None:
            return tuple(named)
        named.pop(self.bbox_col, None)
        return (*named, self.bbox_col)
