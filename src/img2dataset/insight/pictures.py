"""A stored dataset -> some of its images, chosen at random; small ones for a page."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from img2dataset.dataset.layout import StoredShard
from img2dataset.errors import DamagedError, Reason, RowError
from img2dataset.formats import TABLE, Format, ShardReader, find_format, list_shard_names
from img2dataset.images.pillow import open_image, set_up_pillow, translate_pillow_errors
from img2dataset.insight.findings import ShardPoint
from img2dataset.insight.shard_facts import SUCCESS, take_text
from img2dataset.options import QUALITY
from img2dataset.records import CAPTION, URL
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import read_many
from img2dataset.text import plural
from img2dataset.verification.pictures import DECODED_FORMATS

MAX_SHARDS = 16
"""Shards that images are taken from: most formats are read from their beginning."""
THUMBNAIL_SIDE = 160
THUMBNAIL_BYTES = 8_000
QUALITIES = (80, 65, 50, 35, 20)
"""Of a thumbnail's JPEG: the first that is small enough, or the last."""
MAX_PIXELS = 1 << 26
"""Larger images are not decoded for a page."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as it is stored, and what is known of it."""

    key: str
    extension: str
    url: str
    caption: str | None
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen rows of a shard: key -> URL and caption."""

    shard: StoredShard
    rows: Mapping[str, tuple[str, str | None]]


def choose_places(points: Sequence[ShardPoint], count: int, seed: int) -> dict[str, list[int]]:
    """Choose successes at random: name of a shard -> which of its successes, counted from 0.

    All successes are equally probable as long as MAX_SHARDS shards or fewer have some; of more
    shards, MAX_SHARDS are drawn with a probability that grows with their successes.
    """
    generator = random.Random(seed)  # noqa: S311  (no secret)
    shards = [point for point in points if point.successes]
    if len(shards) > MAX_SHARDS:
        # weights without replacement (Efraimidis and Spirakis, 2006)
        keys = {point.name: generator.random() ** (1 / point.successes) for point in shards}
        chosen = set(sorted(keys, key=lambda name: -keys[name])[:MAX_SHARDS])
        shards = [point for point in shards if point.name in chosen]
    total = sum(point.successes for point in shards)
    places = sorted(generator.sample(range(total), min(count, total)))
    found: dict[str, list[int]] = {}
    first = 0
    for point in shards:
        inside = [place - first for place in places if first <= place < first + point.successes]
        if inside:
            found[point.name] = inside
        first += point.successes
    return found


def read_pictures(
    folder: Folder,
    shards: Sequence[StoredShard],
    places: Mapping[str, Sequence[int]],
    problems: list[str],
) -> Iterator[Picture]:
    """Read the chosen images; see `read_sound` about those that cannot be read."""
    for shard in shards:
        if shard.name in places and find_format(shard.output_format).stores_rows:
            choose = partial(choose_rows, folder, shard, places[shard.name])
            yield from read_sound(folder, shard, choose, problems)


def read_sound(
    folder: Folder, shard: StoredShard, choose: Callable[[], Choice], problems: list[str]
) -> Iterator[Picture]:
    """Read images of a shard.

    Those that are missing or behind a damaged place are left out, and a line about the shard is
    added to `problems`.
    """
    try:
        check_files(shard)
        choice = choose()
        left = set(choice.rows)
        for picture in read_choice(folder, choice):
            left.discard(picture.key)
            yield picture
    except DamagedError as error:
        problems.append(f"{shard.name}: {error}")
    else:
        if left:
            images = plural(len(left), "image is", "images are")
            problems.append(f"{shard.name}: {images} missing, such as {min(left)}")


def check_files(shard: StoredShard) -> None:
    """Refuse a shard with images that lacks a file.

    Raises:
        DamagedError: it does.
    """
    missing = set(list_shard_names(shard.output_format, shard.name)) - shard.files
    if missing:
        raise DamagedError(f"{min(missing)} is missing")


def choose_rows(folder: Folder, shard: StoredShard, places: Sequence[int]) -> Choice:
    """Look up the chosen successes of a shard in its table."""
    with open_checked(folder, shard.name + TABLE) as file:
        parquet = pq.ParquetFile(file, pre_buffer=False)
        there = [
            name for name in ("key", URL, "status", CAPTION) if name in parquet.schema_arrow.names
        ]
        table = parquet.read(columns=there, use_threads=False)
    kept = table.filter(pc.equal(table["status"].cast(pa.string()), SUCCESS))
    rows = kept.take([place for place in places if place < kept.num_rows]).combine_chunks()
    batch = next(iter(rows.to_batches()), None)
    if batch is None:
        return Choice(shard, {})
    captions = take_text(batch, CAPTION).to_pylist() if CAPTION in there else [None] * len(batch)
    keys, urls = take_text(batch, "key").to_pylist(), take_text(batch, URL).to_pylist()
    return Choice(
        shard,
        {key: (url or "", caption) for key, url, caption in zip(keys, urls, captions, strict=True)},
    )


def read_choice(folder: Folder, choice: Choice) -> Iterator[Picture]:
    shard = choice.shard
    declared = find_format(shard.output_format)
    encode_format = shard.options.get("encode_format")
    extensions = tuple(QUALITY) if encode_format is None else (str(encode_format),)
    if is_folder(declared):
        yield from read_files(folder, choice, extensions)
        return
    reader = ShardReader(folder, shard.name, shard.files, encode_format, read_content=True)
    left = set(choice.rows)
    for sample in declared.read_samples(reader):
        if sample.key not in left:
            continue
        left.remove(sample.key)
        for extension in extensions:
            file = sample.files.get(extension)
            if file is not None and file.data:
                yield Picture(sample.key, extension, *choice.rows[sample.key], file.data)
        if not left:
            return


def is_folder(declared: Format) -> bool:
    """Whether the samples of a shard are files of a folder, which can be read one by one: not those of
    a folder with an index."""
    return declared.suffixes[:1] == ("",) and declared.folder_mark is None


def read_files(folder: Folder, choice: Choice, extensions: Sequence[str]) -> Iterator[Picture]:
    for key, (url, caption) in choice.rows.items():
        for extension in extensions:
            name = f"{choice.shard.name}/{key}.{extension}"
            data = read_many(folder, [name]).get(name)
            if data:
                yield Picture(key, extension, url, caption, data)
                break


def set_up_thumbnails() -> None:
    """Prepare Pillow, once for a process."""
    set_up_pillow(MAX_PIXELS)


def make_thumbnail(data: bytes) -> bytes | None:
    """Decode an image and make a small JPEG of it; None if that cannot be done."""
    try:
        with translate_pillow_errors(Reason.DECODE):
            return _shrink(data)
    except RowError:
        return None


def _shrink(data: bytes) -> bytes | None:
    from PIL import Image  # noqa: PLC0415  (see images/pillow.py)

    image = open_image(data, DECODED_FORMATS)
    if image is None:
        return None
    with image:
        if image.width * image.height > MAX_PIXELS:
            return None
        image.draft("RGB", (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
        image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        layered = image.convert("RGBA")
        flat = Image.new("RGB", layered.size, "white")
        flat.paste(layered, mask=layered.getchannel("A"))
    for quality in QUALITIES:
        out = io.BytesIO()
        flat.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= THUMBNAIL_BYTES:
            break
    return out.getvalue()
