# Made by docs/generate.py from the source: do not edit.

from collections.abc import Sequence
from typing import Literal

from img2dataset.api import UrlList
from img2dataset.streaming.asynchronous import AsyncStream
from img2dataset.streaming.stream import Stream

def stream(
    url_list: UrlList,
    *,
    image_size: int = 256,
    processes_count: int = 1,
    resize_mode: Literal['no', 'border', 'keep_ratio', 'keep_ratio_largest', 'center_crop'] = 'border',
    resize_only_if_bigger: bool = False,
    upscale_interpolation: Literal['nearest', 'linear', 'bilinear', 'cubic', 'bicubic', 'area', 'lanczos', 'lanczos4'] | str = 'lanczos',
    downscale_interpolation: Literal['nearest', 'linear', 'bilinear', 'cubic', 'bicubic', 'area', 'lanczos', 'lanczos4'] | str = 'area',
    encode_quality: int = 95,
    encode_format: Literal['jpg', 'png', 'webp'] = 'jpg',
    skip_reencode: bool = False,
    input_format: Literal['txt', 'csv', 'tsv', 'json', 'jsonl', 'txt.gz', 'csv.gz', 'tsv.gz', 'json.gz', 'jsonl.gz', 'txt.zst', 'csv.zst', 'tsv.zst', 'json.zst', 'jsonl.zst', 'txt.bz2', 'csv.bz2', 'tsv.bz2', 'json.bz2', 'jsonl.bz2', 'txt.xz', 'csv.xz', 'tsv.xz', 'json.xz', 'jsonl.xz', 'parquet', 'folder'] = 'txt',
    url_col: str = 'url',
    caption_col: str | None = None,
    bbox_col: str | None = None,
    thread_count: int = 256,
    number_sample_per_shard: int = 10000,
    extract_exif: bool = True,
    save_additional_columns: Sequence[str] | None = None,
    timeout: float = 10,
    oom_shard_count: int = 5,
    compute_hash: Literal['md5', 'sha256', 'sha512'] | None = 'sha256',
    verify_hash: Sequence[str] | None = None,
    retries: int = 0,
    disable_all_reencoding: bool = False,
    min_image_size: int = 0,
    max_image_area: float = ...,
    max_aspect_ratio: float = ...,
    max_shard_retry: int = 1,
    user_agent_token: str | None = None,
    disallowed_header_directives: Sequence[str] | None = None,
    ignore_ssl_certificate: bool = False,
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
    user_agent_contact: str | None = None,
    respect_content_usage: bool = True,
    save_opt_out_signals: bool = False,
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
    failures: Literal['skip', 'yield'] = 'skip',
    ordered: bool = False,
    prefetch_bytes: int = 256000000,
) -> Stream:
    """Fetch the images of a list, and yield them as they arrive; nothing is stored.

    The options are those of `download`, without those about storing. The call works in a plain script
    (no main guard is needed), in a notebook cell and in any thread. Nothing is left running when the
    `with` block is left, by whatever way, or the stream is no longer used.

    Args:
        url_list: the list: a file, a folder of such files, a glob pattern (** for any
            depth), several of these, any fsspec URL, - for standard input, or the URL of one
            image; in Python also a list of URLs, a pyarrow Table or a pandas DataFrame
            (required)
        image_size: side to resize to, in pixels (default: 256)
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
        oom_shard_count: digits of shard names (default: 5)
        compute_hash: md5, sha256, sha512 or None: hash of the downloaded bytes (default:
            'sha256')
        verify_hash: [column, type]: refuse images whose hash is not that column's (default:
            None)
        retries: extra attempts per URL, for transient failures (default: 0)
        disable_all_reencoding: store the bytes untouched: no decode, no resize, no filters
            (default: False)
        min_image_size: refuse images whose shortest side is less (default: 0)
        max_image_area: refuse images with more pixels (default: no limit)
        max_aspect_ratio: refuse images whose longest side is more than this many times the
            shortest (default: no limit)
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
        user_agent_contact: an e-mail address or URL of yours, added to the User-Agent,
            where site owners can reach you before they block you (default: None)
        respect_content_usage: refuse images whose answer says Content-Usage: train-ai=n
            (AIPREF); False = do not check (default: True)
        save_opt_out_signals: add opt_out to the metadata: a list of every opt-out signal of
            a row, as name=value, from headers, robots.txt (if it is respected) and the image's
            own IPTC and C2PA data (default: False)
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
        failures: what becomes of rows without an image: skip = they are left out; yield =
            they are yielded, with status and error (default: 'skip')
        ordered: yield samples in the order of the list, not as they arrive; one that is
            slow holds up those after it (default: False)
        prefetch_bytes: bytes of images that may wait for the consumer; then nothing more is
            fetched (default: 256000000)

    Returns:
        Stream: an iterator over `StreamSample`; a context manager that ends the workers.

    Raises:
        OptionError: an option cannot be used (a ValueError); with the first sample also: the list, or a
            column, cannot be.
        SourceError: while iterating: the list became unreadable.
        RunError: while iterating: workers do not start, or part of the list could not be fetched.
    """

def astream(
    url_list: UrlList,
    *,
    image_size: int = 256,
    processes_count: int = 1,
    resize_mode: Literal['no', 'border', 'keep_ratio', 'keep_ratio_largest', 'center_crop'] = 'border',
    resize_only_if_bigger: bool = False,
    upscale_interpolation: Literal['nearest', 'linear', 'bilinear', 'cubic', 'bicubic', 'area', 'lanczos', 'lanczos4'] | str = 'lanczos',
    downscale_interpolation: Literal['nearest', 'linear', 'bilinear', 'cubic', 'bicubic', 'area', 'lanczos', 'lanczos4'] | str = 'area',
    encode_quality: int = 95,
    encode_format: Literal['jpg', 'png', 'webp'] = 'jpg',
    skip_reencode: bool = False,
    input_format: Literal['txt', 'csv', 'tsv', 'json', 'jsonl', 'txt.gz', 'csv.gz', 'tsv.gz', 'json.gz', 'jsonl.gz', 'txt.zst', 'csv.zst', 'tsv.zst', 'json.zst', 'jsonl.zst', 'txt.bz2', 'csv.bz2', 'tsv.bz2', 'json.bz2', 'jsonl.bz2', 'txt.xz', 'csv.xz', 'tsv.xz', 'json.xz', 'jsonl.xz', 'parquet', 'folder'] = 'txt',
    url_col: str = 'url',
    caption_col: str | None = None,
    bbox_col: str | None = None,
    thread_count: int = 256,
    number_sample_per_shard: int = 10000,
    extract_exif: bool = True,
    save_additional_columns: Sequence[str] | None = None,
    timeout: float = 10,
    oom_shard_count: int = 5,
    compute_hash: Literal['md5', 'sha256', 'sha512'] | None = 'sha256',
    verify_hash: Sequence[str] | None = None,
    retries: int = 0,
    disable_all_reencoding: bool = False,
    min_image_size: int = 0,
    max_image_area: float = ...,
    max_aspect_ratio: float = ...,
    max_shard_retry: int = 1,
    user_agent_token: str | None = None,
    disallowed_header_directives: Sequence[str] | None = None,
    ignore_ssl_certificate: bool = False,
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
    user_agent_contact: str | None = None,
    respect_content_usage: bool = True,
    save_opt_out_signals: bool = False,
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
    failures: Literal['skip', 'yield'] = 'skip',
    ordered: bool = False,
    prefetch_bytes: int = 256000000,
) -> AsyncStream:
    """Fetch the images of a list as `stream` does, for `async with` and `async for`.

    The options are those of `download`, without those about storing. The call works in a plain script
    (no main guard is needed), in a notebook cell and in any thread. Nothing is left running when the
    `with` block is left, by whatever way, or the stream is no longer used.

    Args:
        url_list: the list: a file, a folder of such files, a glob pattern (** for any
            depth), several of these, any fsspec URL, - for standard input, or the URL of one
            image; in Python also a list of URLs, a pyarrow Table or a pandas DataFrame
            (required)
        image_size: side to resize to, in pixels (default: 256)
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
        oom_shard_count: digits of shard names (default: 5)
        compute_hash: md5, sha256, sha512 or None: hash of the downloaded bytes (default:
            'sha256')
        verify_hash: [column, type]: refuse images whose hash is not that column's (default:
            None)
        retries: extra attempts per URL, for transient failures (default: 0)
        disable_all_reencoding: store the bytes untouched: no decode, no resize, no filters
            (default: False)
        min_image_size: refuse images whose shortest side is less (default: 0)
        max_image_area: refuse images with more pixels (default: no limit)
        max_aspect_ratio: refuse images whose longest side is more than this many times the
            shortest (default: no limit)
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
        user_agent_contact: an e-mail address or URL of yours, added to the User-Agent,
            where site owners can reach you before they block you (default: None)
        respect_content_usage: refuse images whose answer says Content-Usage: train-ai=n
            (AIPREF); False = do not check (default: True)
        save_opt_out_signals: add opt_out to the metadata: a list of every opt-out signal of
            a row, as name=value, from headers, robots.txt (if it is respected) and the image's
            own IPTC and C2PA data (default: False)
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
        failures: what becomes of rows without an image: skip = they are left out; yield =
            they are yielded, with status and error (default: 'skip')
        ordered: yield samples in the order of the list, not as they arrive; one that is
            slow holds up those after it (default: False)
        prefetch_bytes: bytes of images that may wait for the consumer; then nothing more is
            fetched (default: 256000000)

    Returns:
        AsyncStream: an asynchronous iterator over `StreamSample`; a context manager that ends the
            workers.

    Raises:
        OptionError: an option cannot be used (a ValueError); with the first sample also: the list, or a
            column, cannot be.
        SourceError: while iterating: the list became unreadable.
        RunError: while iterating: workers do not start, or part of the list could not be fetched.
    """
