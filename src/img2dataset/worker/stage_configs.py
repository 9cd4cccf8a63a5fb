"""A job -> what each stage of a worker needs to know of it."""

from __future__ import annotations

from img2dataset.fetch import DEFAULT_DIRECTIVES, FetchConfig, user_agent
from img2dataset.formats import WriterConfig, find_format
from img2dataset.images import ImageConfig
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.storage.folder import Folder, parts_name
from img2dataset.storage.retry import StorageRetry


def output_of(job: Job, patience: StorageRetry) -> Folder:
    return Folder(
        job.options.output_folder,
        patience,
        parts=parts_name(*job.options.part_of),
        concurrent_attempts=job.concurrent_attempts,
    )


def fetch_config(job: Job) -> FetchConfig:
    options = job.options
    directives = options.disallowed_header_directives
    return FetchConfig(
        thread_count=options.thread_count,
        timeout=options.timeout,
        retries=options.retries,
        max_image_bytes=options.max_image_bytes,
        user_agent=user_agent(
            options.user_agent_token, options.user_agent, options.user_agent_contact
        ),
        user_agent_token=options.user_agent_token,
        disallowed_directives=(
            DEFAULT_DIRECTIVES
            if directives is None
            else tuple(directive.strip().lower() for directive in directives)
        ),
        verify_tls=not options.ignore_ssl_certificate,
        max_per_host=options.max_connections_per_host,
        min_delay=options.min_delay_per_host,
        shared_file=job.shared_file,
        host_limit_share=job.host_limit_share,
        respect_robots_txt=options.robots_txt == "respect",
        respect_tdm_reservation=options.respect_tdm_reservation,
        respect_content_usage=options.respect_content_usage,
        private_addresses=options.private_addresses,
        dns_servers=tuple(options.dns_servers or ()),
        drop_pages=options.verify_hash is None,
        keep_fetched=options.save_fetch_metadata,
        keep_signals=options.save_opt_out_signals,
    )


def image_config(options: Options) -> ImageConfig:
    quality = options.png_level if options.encode_format == "png" else options.encode_quality
    return ImageConfig(
        image_size=options.image_size,
        resize_mode=options.resize_mode,
        resize_only_if_bigger=options.resize_only_if_bigger,
        upscale_interpolation=options.upscale_interpolation.lower(),
        downscale_interpolation=options.downscale_interpolation.lower(),
        encode_format=options.encode_format,
        encode_quality=quality,
        skip_reencode=options.skip_reencode,
        disable_all_reencoding=options.disable_all_reencoding,
        min_image_size=options.min_image_size,
        max_image_area=options.max_image_area,
        max_aspect_ratio=options.max_aspect_ratio,
        max_decoded_pixels=options.max_decoded_pixels,
        apply_exif_orientation=options.apply_exif_orientation,
        convert_to_srgb=options.convert_to_srgb,
        extract_exif=options.extract_exif and find_format(options.output_format).stores_rows,
    )


def writer_config(options: Options) -> WriterConfig:
    return WriterConfig(
        encode_format=options.encode_format,
        captions=options.caption_col is not None,
        extract_exif=options.extract_exif,
        compute_hash=options.compute_hash,
        fetch_metadata=options.save_fetch_metadata,
        opt_out_signals=options.save_opt_out_signals,
    )
