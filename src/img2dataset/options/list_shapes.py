"""The options for lists of other shapes than one row with a URL for each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from img2dataset.options.checks import OneOf, at_least
from img2dataset.options.choices import Deduplicate, DuplicateCaptions, Quoting
from img2dataset.options.declared import DeclaredOptions
from img2dataset.options.list_checks import column_names, condition, renames, separator, template
from img2dataset.options.option import Group, option
from img2dataset.options.url_schemes import WEB_SCHEMES, scheme_names


@dataclass(frozen=True, slots=True)
class ListShapeOptions(DeclaredOptions):
    """How the rows of a list are found in its files."""

    _: KW_ONLY
    columns: Sequence[str] | None = option(
        None,
        "names of the columns of csv or tsv files that have no header, in their order",
        Group.INPUT,
        check=column_names,
        shapes_output=True,
    )
    delimiter: str | None = option(
        None,
        "character between the cells of csv or tsv files, also by name (tab, comma, semicolon, "
        "pipe, space); None = a comma in csv, a tab in tsv",
        Group.INPUT,
        check=separator,
        shapes_output=True,
    )
    quoting: str = option(
        "auto", Quoting.explained(), Group.INPUT, check=OneOf(Quoting), shapes_output=True
    )
    rename_columns: Sequence[str] | None = option(
        None,
        "old=new names of columns of the list, such as width=list_width,key=src_key; every other "
        "option takes the new ones",
        Group.INPUT,
        check=renames,
        shapes_output=True,
    )
    url_template: str | None = option(
        None,
        "URL with names of columns in braces, in place of url_col: "
        "https://host/photos/{photo_id}/medium.{extension}",
        Group.INPUT,
        check=template,
        shapes_output=True,
    )
    where: str | None = option(
        None,
        "condition on columns of the list; other rows are left out before the download: "
        "similarity > 0.3 AND width >= 512. Of Parquet only row groups are read that can match",
        Group.INPUT,
        check=condition,
        shapes_output=True,
    )
    deduplicate: str | None = option(
        None,
        f"{Deduplicate.explained()}, over the whole list",
        Group.INPUT,
        check=OneOf(Deduplicate),
        shapes_output=True,
    )
    duplicate_captions: str = option(
        "first",
        f"captions of rows with the same URL, with deduplicate; {DuplicateCaptions.explained()}",
        Group.INPUT,
        check=OneOf(DuplicateCaptions),
        shapes_output=True,
    )
    shuffle: int | None = option(
        None,
        "seed of a random order of the rows, for lists sorted by host; the same seed gives the "
        "same order",
        Group.INPUT,
        check=at_least(0),
        shapes_output=True,
    )
    limit: int | None = option(
        None,
        "take only the first rows, so many, of the list as it would be processed (after where, "
        "shuffle and deduplicate): for a trial, in a folder of its own; None = all",
        Group.INPUT,
        check=at_least(1),
        shapes_output=True,
    )
    url_schemes: Sequence[str] | None = option(
        None,
        "schemes of the URLs in the list that are fetched, such as http,https,s3: http and https by "
        "this program, others by fsspec, with the credentials that it finds; file also allows "
        "absolute local paths. All other rows fail; None = http, https",
        Group.DOWNLOAD,
        check=scheme_names,
    )

    @property
    def allowed_schemes(self) -> tuple[str, ...]:
        """The schemes of URLs that are fetched."""
        return WEB_SCHEMES if self.url_schemes is None else tuple(self.url_schemes)
