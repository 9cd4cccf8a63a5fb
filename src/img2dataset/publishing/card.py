"""A dataset -> README.md: the dataset card, for `datasets`, the Hub and people."""

from __future__ import annotations

import re

from img2dataset.json_text import to_utf8
from img2dataset.publishing.card_text import BEING_CHANGED, make_body
from img2dataset.publishing.contents import Contents
from img2dataset.publishing.folder_file import FolderFile, PublishConfig
from img2dataset.publishing.front_matter import (
    COUNTS,
    describe_loaded,
    make_defaults,
    make_front,
)
from img2dataset.publishing.marks import (
    BLOCK,
    CardText,
    has_block,
    has_front_block,
    make_readme,
    renew,
)
from img2dataset.storage.folder import Folder

CARD = "README.md"
BODY_COUNTS = re.compile(
    r"(<!-- img2dataset:counts -->).*?(<!-- img2dataset:counts end -->)", re.DOTALL
)


def make_card_text(contents: Contents, name: str) -> CardText:
    """Write what the card of the dataset in the folder `name` says."""
    loaded = describe_loaded(contents)
    return CardText(
        defaults=make_defaults(contents),
        front=make_front(loaded, contents.tally.successes),
        body=make_body(contents, loaded, name),
    )


def write_card(folder: Folder, contents: Contents) -> list[str]:
    """Write a new README.md, or renew its marked blocks; one without marks is left alone."""
    before = read_card(folder)
    text = make_card_text(contents, folder.root.rpartition("/")[2])
    if before is None:
        folder.write(CARD, to_utf8(make_readme(text)))
        return []
    readme = decode(before)
    if readme is None or not has_block(readme):
        remedy = f"move it away, and  img2dataset card {folder.url}  writes a new one"
        return [f"{CARD} is left alone, since it has no mark of img2dataset: {remedy}"]
    folder.write(CARD, to_utf8(renew(readme, text)))
    if has_front_block(readme):
        return []
    risk = "what it says of features and splits may be out of date"
    return [
        f"the front matter of {CARD} is left alone, since it has no mark of img2dataset: {risk}"
    ]


def retract_card(folder: Folder) -> None:
    """Take from the marked blocks what they say of counts: a run is about to change them."""
    before = read_card(folder)
    readme = None if before is None else decode(before)
    if readme is None or not has_block(readme):
        return
    block = BLOCK.sub(lambda found: remove_counts(found[0]), readme, count=1)
    renewed = COUNTS.sub("", block, count=1) if has_front_block(readme) else block
    if renewed != readme:
        folder.write(CARD, to_utf8(renewed))


def remove_counts(block: str) -> str:
    return BODY_COUNTS.sub(lambda found: f"{found[1]}\n\n{BEING_CHANGED}\n\n{found[2]}", block)


def read_card(folder: Folder) -> bytes | None:
    try:
        return folder.read(CARD)
    except FileNotFoundError:
        return None


def decode(readme: bytes) -> str | None:
    """Return the text of a README.md; None if it is not UTF-8."""
    try:
        return readme.decode()
    except UnicodeDecodeError:
        return None


def is_wanted(contents: Contents, config: PublishConfig) -> bool:
    return config.card and contents.output_format != "dummy"


FOLDER_FILE = FolderFile(names=(CARD,), is_wanted=is_wanted, write=write_card, retract=retract_card)
