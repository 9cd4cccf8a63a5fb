"""Options for the shape of a list that do not go together."""

from __future__ import annotations

from collections.abc import Sequence

from img2dataset.errors import OptionError
from img2dataset.options.columns import ALL_CAPTIONS, DOCUMENT_INDEX, URL_POSITION
from img2dataset.options.list_checks import list_template_columns, parse_renames, parse_scheme
from img2dataset.options.list_shapes import ListShapeOptions
from img2dataset.options.star import is_prefixed, wants_all_columns
from img2dataset.options.where import list_names, parse_condition

TEXT_TABLES = ("csv", "tsv")
DEFAULT_URL_COL = "url"


def check_list_shape(options: ListShapeOptions) -> None:
    """Refuse what the format of the list cannot have.

    Raises:
        OptionError: an option has no meaning for it.
    """
    _check_format(options)
    _check_star(options)
    _check_renames(options)
    _check_template(options)
    _check_documents(options)
    _check_duplicates(options)


def _check_format(options: ListShapeOptions) -> None:
    if options.input_format.partition(".")[0] in TEXT_TABLES:
        return
    for name, unset in (("columns", None), ("delimiter", None), ("quoting", "auto")):
        value = getattr(options, name)
        if value != unset:
            shown = ",".join(value) if name == "columns" else value
            raise OptionError(
                f"{name} is {shown!r}, which is for input_format csv and tsv, but input_format is "
                f"{options.input_format!r}"
            )


def _check_star(options: ListShapeOptions) -> None:
    if wants_all_columns(options) and len(options.save_additional_columns or ()) > 1:
        raise OptionError(
            f"save_additional_columns is {','.join(options.save_additional_columns or ())!r}: * "
            "alone is all columns of the list"
        )


def _check_renames(options: ListShapeOptions) -> None:
    """Refuse an option that names a column by its old name."""
    renames = parse_renames(options.rename_columns or ())
    new_names = set(renames.values())
    asked: dict[str, Sequence[str | None]] = {
        "url_col": [options.url_col],
        "caption_col": [options.caption_col],
        "bbox_col": [options.bbox_col],
        "verify_hash": (options.verify_hash or [])[:1],
        "save_additional_columns": options.save_additional_columns or (),
        "url_template": list_template_columns(options.url_template or ""),
        "where": [] if options.where is None else list_names(parse_condition(options.where)),
    }
    if options.url_template is not None:
        del asked["url_col"]
    for name, columns in asked.items():
        for column in columns:
            if column is None or column not in renames or column in new_names:
                continue
            if name == "save_additional_columns" or not is_prefixed(column, renames[column]):
                raise OptionError(
                    f"{name} has {column!r}, which rename_columns renames to {renames[column]!r}: "
                    f"write {renames[column]!r} there"
                )


def _check_template(options: ListShapeOptions) -> None:
    if options.url_template is not None and options.url_col != DEFAULT_URL_COL:
        raise OptionError(
            f"url_template is {options.url_template!r} and url_col is {options.url_col!r}: leave "
            "one of the two out"
        )
    _check_template_scheme(options)
    is_txt = options.input_format.partition(".")[0] == "txt" and isinstance(options.url_list, str)
    for name in ("url_template", "where", "rename_columns"):
        if is_txt and getattr(options, name):
            raise OptionError(
                f"{name} is {getattr(options, name)!r}, but input_format is "
                f"{options.input_format!r}: such a list has no columns but the URL"
            )


def _check_template_scheme(options: ListShapeOptions) -> None:
    """Refuse a template whose URLs are not fetched."""
    template = options.url_template or ""
    scheme = "file" if template.startswith("/") else parse_scheme(template)
    if scheme is not None and scheme not in options.allowed_schemes:
        raise OptionError(
            f"url_template is {template!r}, but url_schemes does not allow {scheme}: "
            f"url_schemes={','.join((*options.allowed_schemes, scheme))} does"
        )


def _check_documents(options: ListShapeOptions) -> None:
    """Refuse columns with the names that rows of documents get."""
    made = {DOCUMENT_INDEX, URL_POSITION}
    taken = sorted(made & set(options.additional_columns))
    if taken and ("." in options.url_col or "[*]" in options.url_col):
        raise OptionError(
            f"save_additional_columns contains {', '.join(taken)}, which the rows of documents get "
            f"of their own: rename it, as by rename_columns={taken[0]}=list_{taken[0]}"
        )


def _check_duplicates(options: ListShapeOptions) -> None:
    if options.duplicate_captions != "all":
        return
    if options.deduplicate is None or options.caption_col is None:
        missing = "deduplicate=url" if options.deduplicate is None else "caption_col"
        raise OptionError(f"duplicate_captions is 'all', which has no effect without {missing}")
    if ALL_CAPTIONS in options.additional_columns:
        raise OptionError(
            f"save_additional_columns contains {ALL_CAPTIONS}, which duplicate_captions=all stores: "
            f"rename it, as by rename_columns={ALL_CAPTIONS}=list_{ALL_CAPTIONS}"
        )
