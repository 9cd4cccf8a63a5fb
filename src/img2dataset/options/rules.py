"""What no option can check alone: combinations that are refused."""

from __future__ import annotations

from img2dataset.errors import OptionError
from img2dataset.options.choices import LogFormat, PrivateAddresses, ProgressDisplay
from img2dataset.options.columns import FETCH_COLUMNS, OPT_OUT, RESERVED_COLUMNS
from img2dataset.options.declared import DeclaredOptions
from img2dataset.options.list_shapes import ListShapeOptions
from img2dataset.options.url_schemes import SCHEMES_OF_SERVERS

QUALITY = {"jpg": (0, 100), "png": (0, 9), "webp": (1, 1_000_000)}
"""encode_format -> range of encode_quality; webp above 100 is lossless."""

FORMAT_OPTIONS = (("parquet_layout", "default", "parquet"), ("mds_compression", "none", "mds"))
"""Options of one output format: name, default, the format."""


def check_together(options: ListShapeOptions) -> None:
    """Refuse combinations of options.

    Raises:
        OptionError: one is not allowed.
    """
    for check in (
        _check_quality,
        _check_hashes,
        _check_mode,
        _check_columns,
        _check_passthrough,
        _check_user_agent,
        _check_schemes,
        _check_format_options,
        _check_reports,
    ):
        check(options)


def _check_quality(options: DeclaredOptions) -> None:
    low, high = QUALITY[options.encode_format]
    quality = options.encoder_quality
    if not low <= quality <= high:
        allowed = f"{low} to {high}" if options.encode_format != "webp" else "1 or more"
        raise OptionError(
            f"encode_quality is {quality}: it must be {allowed} for {options.encode_format}"
        )


def _check_hashes(options: DeclaredOptions) -> None:
    if options.verify_hash is not None and options.verify_hash[1] != options.compute_hash:
        raise OptionError(
            f"verify_hash is {list(options.verify_hash)!r}: its type must be the same as "
            f"compute_hash, which is {options.compute_hash!r}"
        )


def _check_mode(options: DeclaredOptions) -> None:
    if options.incremental_mode == "retry" and options.distributor != "multiprocessing":
        raise OptionError(
            f"incremental_mode is 'retry' and distributor is {options.distributor!r}, which may do a "
            "task twice at once; shards are completed in place with multiprocessing only"
        )
    if options.part_of[1] > 1 and options.incremental_mode != "incremental":
        raise OptionError(
            f"part is {options.part!r} and incremental_mode is {options.incremental_mode!r}: a part "
            "may not change what the others do; use this mode without part, before the first part "
            "or after the last"
        )


def _check_columns(options: DeclaredOptions) -> None:
    """Refuse input columns whose names the metadata needs for something else."""
    if options.bbox_col in RESERVED_COLUMNS:
        raise OptionError(
            f"bbox_col is {options.bbox_col!r}: the column keeps its name in the metadata, and "
            "img2dataset reserves this name there; rename the column, as by "
            f"rename_columns={options.bbox_col}=list_{options.bbox_col}"
        )
    reserved = sorted(set(options.additional_columns) & set(RESERVED_COLUMNS))
    if reserved:
        raise OptionError(
            f"save_additional_columns contains {', '.join(reserved)}: img2dataset reserves "
            "these names for its own metadata; rename the columns, as by "
            f"rename_columns={','.join(f'{name}=list_{name}' for name in reserved)}, or leave them out"
        )
    fetched = sorted(set(options.additional_columns) & set(FETCH_COLUMNS))
    if options.save_fetch_metadata and fetched:
        raise OptionError(
            f"save_additional_columns contains {', '.join(fetched)}: save_fetch_metadata stores "
            "something of its own under this name; rename the columns or leave one of the two out"
        )
    if options.save_opt_out_signals and OPT_OUT in options.additional_columns:
        raise OptionError(
            f"save_additional_columns contains {OPT_OUT}: save_opt_out_signals stores something of "
            "its own under this name; rename the column or leave one of the two out"
        )


def _check_user_agent(options: DeclaredOptions) -> None:
    """Refuse a contact that would silently not be sent."""
    if options.user_agent is not None and options.user_agent_contact is not None:
        raise OptionError(
            f"user_agent is {options.user_agent!r}, which replaces the whole User-Agent, so that "
            "user_agent_contact would not be sent: write the contact into user_agent, or leave one "
            "of the two out"
        )


def _check_format_options(options: DeclaredOptions) -> None:
    """Refuse what only another output format understands."""
    for name, default, output_format in FORMAT_OPTIONS:
        value = getattr(options, name)
        if value != default and options.output_format != output_format:
            raise OptionError(
                f"{name} is {value!r}: only output_format {output_format} has it, and output_format "
                f"is {options.output_format!r}"
            )


def _check_reports(options: DeclaredOptions) -> None:
    """Refuse what would have no effect on what people and programs are shown."""
    if options.progress == ProgressDisplay.BAR and options.log_format == LogFormat.JSON:
        raise OptionError(
            "progress is 'bar' and log_format is 'json': a bar is no JSON; leave one of the two out"
        )
    if options.metrics_port is None and options.metrics_address != "127.0.0.1":
        raise OptionError(
            f"metrics_address is {options.metrics_address!r} and metrics_port is None: no metrics "
            "are served; say metrics_port too"
        )


def _check_passthrough(options: DeclaredOptions) -> None:
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


def _check_schemes(options: ListShapeOptions) -> None:
    """Refuse schemes whose URLs name a server, unless every address may be reached."""
    schemes = options.allowed_schemes
    if options.private_addresses == PrivateAddresses.ALLOW:
        return
    for scheme in schemes:
        if scheme in SCHEMES_OF_SERVERS:
            raise OptionError(
                f"url_schemes has {scheme!r}: such a URL names the server that is asked, which fsspec "
                "does whatever its address is; it is allowed with private_addresses=allow only"
            )
