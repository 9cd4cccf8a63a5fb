# Made by docs/generate.py from the source: do not edit.

from collections.abc import Sequence
from typing import Literal

from img2dataset.api import UrlList
from img2dataset.report import Report
from img2dataset.reports import Reporter

def download(
    url_list: UrlList,
    image_size: int = 256,
    output_folder: str = 'images',
    processes_count: int = 1,
    resize_mode: Literal['no', 'border', 'keep_ratio', 'keep_ratio_largest', 'center_crop'] = 'border',
    resize_only_if_bigger: bool = False,
    upscale_interpolation: Literal['nearest', 'linear', 'bilinear', 'cubic', 'bicubic', 'area', 'lanczos', 'lanczos4'] | str = 'lanczos',
    downscale_interpolation: Literal['nearest', 'linear', 'bilinear', 'cubic', 'bicubic', 'area', 'lanczos', 'lanczos4'] | str = 'area',
    encode_quality: int = 95,
    encode_format: Literal['jpg', 'png', 'webp'] = 'jpg',
    skip_reencode: bool = False,
    output_format: Literal['files', 'webdataset', 'parquet', 'tfrecord', 'mds', 'dummy'] = 'files',
    input_format: Literal['txt', 'csv', 'tsv', 'json', 'jsonl', 'txt.gz', 'csv.gz', 'tsv.gz', 'json.gz', 'jsonl.gz', 'txt.zst', 'csv.zst', 'tsv.zst', 'json.zst', 'jsonl.zst', 'txt.bz2', 'csv.bz2', 'tsv.bz2', 'json.bz2', 'jsonl.bz2', 'txt.xz', 'csv.xz', 'tsv.xz', 'json.xz', 'jsonl.xz', 'parquet', 'folder'] = 'txt',
    url_col: str = 'url',
    caption_col: str | None = None,
    bbox_col: str | None = None,
    thread_count: int = 256,
    number_sample_per_shard: int = 10000,
    extract_exif: bool = True,
    save_additional_columns: Sequence[str] | None = None,
    timeout: float = 10,
    enable_wandb: bool = False,
    wandb_project: str = 'img2dataset',
    oom_shard_count: int = 5,
    compute_hash: Literal['md5', 'sha256', 'sha512'] | None = 'sha256',
    verify_hash: Sequence[str] | None = None,
    distributor: Literal['multiprocessing', 'pyspark', 'ray'] = 'multiprocessing',
    subjob_size: int = 1000,
    retries: int = 0,
    disable_all_reencoding: bool = False,
    min_image_size: int = 0,
    max_image_area: float = ...,
    max_aspect_ratio: float = ...,
    incremental_mode: Literal['incremental', 'overwrite', 'extend', 'retry'] = 'incremental',
    max_shard_retry: int = 1,
    user_agent_token: str | None = None,
    disallowed_header_directives: Sequence[str] | None = None,
    ignore_ssl_certificate: bool = False,
    *,
    max_image_bytes: int = 64000000,
    max_decoded_pixels: int = 256000000,
    apply_exif_orientation: bool = True,
    user_agent: str | None = None,
    max_connections_per_host: int | None = None,
    min_delay_per_host: float = 0.0,
    robots_txt: Literal['ignore', 'respect'] = 'ignore',
    respect_tdm_reservation: bool = True,
    private_addresses: Literal['allow', 'listed', 'deny'] = 'listed',
    dns_servers: Sequence[str] | None = None,
    save_fetch_metadata: bool = False,
    max_decode_seconds: float = 120.0,
    convert_to_srgb: bool = False,
    max_storage_wait: float = 600.0,
    part: str | None = None,
    user_agent_contact: str | None = None,
    respect_content_usage: bool = True,
    save_opt_out_signals: bool = False,
    parquet_layout: Literal['default', 'hf'] = 'default',
    mds_compression: Literal['none', 'zstd'] = 'none',
    accept_changed_list: bool = False,
    indexes: Sequence[str] | None = None,
    dashboard: bool | int = False,
    verbose: bool = False,
    quiet: bool = False,
    progress: Literal['auto', 'bar', 'lines', 'json', 'none'] = 'auto',
    log_format: Literal['text', 'json'] = 'text',
    metrics_port: int | None = None,
    metrics_address: str = '127.0.0.1',
    card: bool = True,
    columns: Sequence[str] | None = None,
    delimiter: str | None = None,
    quoting: Literal['auto', 'none'] = 'auto',
    rename_columns: Sequence[str] | None = None,
    url_template: str | None = None,
    where: str | None = None,
    deduplicate: Literal['url'] | None = None,
    duplicate_captions: Literal['first', 'all'] = 'first',
    shuffle: int | None = None,
    limit: int | None = None,
    url_schemes: Sequence[str] | None = None,
    reporters: Sequence[Reporter] | None = None,
) -> Report:
    """Download the images of a list and store them as a dataset.

    The options are those of the command line, by the same names. The first 38 may be positional.
    The call works in a plain script (no main guard is needed), in a notebook cell and in any thread;
    when it returns, nothing is left running.

    Args:
        url_list: the list: a file, a folder of such files, a glob pattern (** for any
            depth), several of these, any fsspec URL, - for standard input, or the URL of one
            image; in Python also a list of URLs, a pyarrow Table or a pandas DataFrame
            (required)
        image_size: side to resize to, in pixels (default: 256)
        output_folder: where the dataset goes: a folder or any fsspec URL (default:
            'images')
        processes_count: worker processes; one already uses every core for pixels. With
            pyspark and ray: cores of the session or cluster that is made if there is none
            (default: 1)
        resize_mode: no: as it is; border: fit inside and pad with white; keep_ratio:
            shortest side; keep_ratio_largest: longest side; center_crop: shortest side, then
            crop to a square (default: 'border')
        resize_only_if_bigger: leave images alone that are not bigger than image_size
            (default: False)
        upscale_interpolation: how to enlarge: nearest, linear, bilinear, cubic, bicubic,
            area, lanczos or lanczos4 (default: 'lanczos')
        downscale_interpolation: how to shrink: the same names (default: 'area')
        encode_quality: jpg: 0 to 100; webp: 1 to 100, more = lossless; png: compression
            level 0 to 9 (6 unless given) (default: 95)
        encode_format: image format and file extension: jpg, png or webp (default: 'jpg')
        skip_reencode: keep the original bytes when no step changed the pixels and the
            format is right (default: False)
        output_format: files, webdataset (tar), parquet, tfrecord, mds (for MosaicML
            Streaming), or dummy (download and resize, store nothing) (default: 'files')
        input_format: txt, csv, tsv, json or jsonl, each also with .gz, .zst, .bz2 or .xz;
            or parquet; or folder: url_list is a folder of images (default: 'txt')
        url_col: column with the URL (not for txt) (default: 'url')
        caption_col: column with the caption; switches captions on (default: None)
        bbox_col: column of boxes to blur: lists of [x_min, y_min, x_max, y_max] in 0..1
            (default: None)
        thread_count: downloads in flight, per process (default: 256)
        number_sample_per_shard: rows per shard (default: 10000)
        extract_exif: add the EXIF tags to the metadata (default: True)
        save_additional_columns: input columns to copy to the metadata; * = all of them
            (default: None)
        timeout: seconds for one URL, redirects included (default: 10)
        enable_wandb: log to Weights & Biases (needs img2dataset[wandb]) (default: False)
        wandb_project: its project name (default: 'img2dataset')
        oom_shard_count: digits of shard names (default: 5)
        compute_hash: md5, sha256, sha512 or None: hash of the downloaded bytes (default:
            'sha256')
        verify_hash: [column, type]: refuse images whose hash is not that column's (default:
            None)
        distributor: multiprocessing: this machine; pyspark: the active Spark session, or
            one that is made here; ray: the connected or running Ray cluster, or one that is
            made here (default: 'multiprocessing')
        subjob_size: shards that Spark or Ray are given at once (default: 1000)
        retries: extra attempts per URL, for transient failures (default: 0)
        disable_all_reencoding: store the bytes untouched: no decode, no resize, no filters
            (default: False)
        min_image_size: refuse images whose shortest side is less (default: 0)
        max_image_area: refuse images with more pixels (default: no limit)
        max_aspect_ratio: refuse images whose longest side is more than this many times the
            shortest (default: no limit)
        incremental_mode: incremental: skip shards that are done; overwrite: empty the
            folder first; extend: number new shards after the existing ones; retry: as
            incremental, and fetch the rows of these shards again that failed for a transient
            reason (default: 'incremental')
        max_shard_retry: times a failed shard is tried again at the end (default: 1)
        user_agent_token: added to the User-Agent, and matched against X-Robots-Tag
            (default: None)
        disallowed_header_directives: X-Robots-Tag directives that refuse an image; None =
            noai, noimageai, noindex, noimageindex; [] = do not check (default: None)
        ignore_ssl_certificate: do not verify TLS certificates (default: False)
        max_image_bytes: largest body accepted, in bytes (default: 64000000)
        max_decoded_pixels: refuse images with more pixels, before they are decoded
            (default: 256000000)
        apply_exif_orientation: turn photos upright as their EXIF orientation says (default:
            True)
        user_agent: replaces the whole User-Agent (default: None)
        max_connections_per_host: never more requests at once to one host, over all
            processes of this machine or workers of the cluster; None = as many as the host
            takes well, from 16 upwards (default: None)
        min_delay_per_host: seconds between the starts of two requests to one host, over all
            processes of this machine or workers of the cluster (default: 0.0)
        robots_txt: robots.txt; ignore: do not fetch it; respect: fetch it once per site and
            obey it (default: 'ignore')
        respect_tdm_reservation: refuse images whose answer says tdm-reservation: 1
            (TDMRep); False = do not check (default: True)
        private_addresses: private, loopback and other addresses that are not public; allow:
            all of them; listed: only those that are written as such (or as localhost) in the
            list; deny: none (default: 'listed')
        dns_servers: addresses of name servers, each with :port if it is not 53; None = the
            system's (default: None)
        save_fetch_metadata: add final_url, http_status, content_type, etag, last_modified,
            fetched_at and body_bytes to the metadata (default: False)
        max_decode_seconds: seconds of CPU time for decoding, resizing and encoding one
            image (five times as long where it only waits); it fails if it takes more (default:
            120.0)
        convert_to_srgb: convert colours by the image's ICC profile to sRGB; else the
            profile is dropped (default: False)
        max_storage_wait: seconds to wait for a full disk, or an object store that is down;
            then the run stops, and the same command goes on (default: 600.0)
        part: i/N: do only every N-th shard of the list, from the i-th on; 0 <= i < N. For
            schedulers that run the same command many times: Slurm arrays, Kubernetes indexed
            jobs (default: None)
        user_agent_contact: an e-mail address or URL of yours, added to the User-Agent,
            where site owners can reach you before they block you (default: None)
        respect_content_usage: refuse images whose answer says Content-Usage: train-ai=n
            (AIPREF); False = do not check (default: True)
        save_opt_out_signals: add opt_out to the metadata: a list of every opt-out signal of
            a row, as name=value, from headers, robots.txt (if it is respected) and the image's
            own IPTC and C2PA data (default: False)
        parquet_layout: of output_format parquet: default: a column of bytes; hf: the Image
            column of the Hugging Face Hub, which loads and shows as images (default: 'default')
        mds_compression: of output_format mds: none: not at all; zstd: Zstandard, as litData
            needs it; images do not become smaller (default: 'none')
        accept_changed_list: go on with a dataset whose list has changed: shards that are
            done and that the list, as it is now, would not give are removed and made again; all
            others are kept. Without it such a list is refused; one that touches no shard that
            is done is always taken (default: False)
        indexes: index files for loaders of webdataset; dali: 00000.idx; energon:
            00000.tar.idx and .nv-meta/; webshart: 00000.json; wids: wids.json; all: all of
            these. None = those that the dataset has, [] = none. sizes.json is always written
            (default: None)
        dashboard: show the run in a browser, on a page of this machine alone: at the first
            free port from 8260, or at the port given (default: False)
        verbose: on a terminal, show the total after each shard too, as in logs (default:
            False)
        quiet: print nothing but errors, whatever progress says; the exit code says the rest
            (in Python, the report) (default: False)
        progress: how the run shows how far it is, on stderr; auto: bar on a terminal and in
            a notebook, lines elsewhere; bar: a display that moves; in a notebook, one cell;
            lines: dated lines, at growing intervals; json: a JSON object on a line each second,
            and log_format=json; none: notices and the summary only (default: 'auto')
        log_format: how lines on stderr are written; text: for people; json: each line is a
            JSON object (default: 'text')
        metrics_port: serve metrics for Prometheus on this port while the run lasts; 0 = a
            free one, which is said (needs img2dataset[metrics]) (default: None)
        metrics_address: address that metrics are served at; 0.0.0.0 = all of this
            machine's, for anybody who can reach it (default: '127.0.0.1')
        card: at the end, write what lets others load the dataset: README.md (the dataset
            card), croissant.json and, with files, metadata.parquet (default: True)
        columns: names of the columns of csv or tsv files that have no header, in their
            order (default: None)
        delimiter: character between the cells of csv or tsv files, also by name (tab,
            comma, semicolon, pipe, space); None = a comma in csv, a tab in tsv (default: None)
        quoting: auto: quotes around texts in csv and tsv are understood in every usual
            style; none: no character quotes: each line is a row, and quotes are part of its
            texts (default: 'auto')
        rename_columns: old=new names of columns of the list, such as
            width=list_width,key=src_key; every other option takes the new ones (default: None)
        url_template: URL with names of columns in braces, in place of url_col:
            https://host/photos/{photo_id}/medium.{extension} (default: None)
        where: condition on columns of the list; other rows are left out before the
            download: similarity > 0.3 AND width >= 512. Of Parquet only row groups are read
            that can match (default: None)
        deduplicate: url: of rows with the same URL only the first is kept, over the whole
            list (default: None)
        duplicate_captions: captions of rows with the same URL, with deduplicate; first:
            that of the first row; all: those of all rows, as a list in the metadata column
            all_captions (default: 'first')
        shuffle: seed of a random order of the rows, for lists sorted by host; the same seed
            gives the same order (default: None)
        limit: take only the first rows, so many, of the list as it would be processed
            (after where, shuffle and deduplicate): for a trial, in a folder of its own; None =
            all (default: None)
        url_schemes: schemes of the URLs in the list that are fetched, such as
            http,https,s3: http and https by this program, others by fsspec, with the
            credentials that it finds; file also allows absolute local paths. All other rows
            fail; None = http, https (default: None)
        reporters: called during the run, instead of showing it on the terminal; () shows
            nothing (default: None = the terminal, on stderr)

    Returns:
        Report: counts of rows, reasons of failures, seconds, shards that are not done; its `rows()`
        and `failures()` iterate over the stored metadata.

    Raises:
        OptionError: an option, or the list, column or folder that it names, cannot be used (a
            ValueError). Nothing was done.
        MissingExtraError: an option needs a library that is not installed (an OptionError).
        RunError: workers do not start, or the output cannot be written.
        SourceError: the list became unreadable during the run. The same call resumes it.
        KeyboardInterrupt: Ctrl-C. Shards that are done stay; the same call resumes the run.
    """
