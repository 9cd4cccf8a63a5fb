"""The closed sets of options: what is allowed, and what --help says of each value.

A value of such an option is a plain text; it compares equal to the member of its set.
"""

from __future__ import annotations

from img2dataset.choice import Choice


class ResizeMode(Choice):
    """What is done to the shape of an image."""

    NO = "no", "as it is"
    BORDER = "border", "fit inside and pad with white"
    KEEP_RATIO = "keep_ratio", "shortest side"
    KEEP_RATIO_LARGEST = "keep_ratio_largest", "longest side"
    CENTER_CROP = "center_crop", "shortest side, then crop to a square"


class Interpolation(Choice):
    """How pixels are resampled."""

    NEAREST = "nearest"
    LINEAR = "linear"
    BILINEAR = "bilinear"
    CUBIC = "cubic"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS = "lanczos"
    LANCZOS4 = "lanczos4"


class EncodeFormat(Choice):
    """In which format images are stored; the value is their file extension."""

    JPG = "jpg"
    PNG = "png"
    WEBP = "webp"


class InputFormat(Choice):
    """How the list is stored."""

    TXT = "txt"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    JSONL = "jsonl"
    TXT_GZ = "txt.gz"
    CSV_GZ = "csv.gz"
    TSV_GZ = "tsv.gz"
    JSON_GZ = "json.gz"
    JSONL_GZ = "jsonl.gz"
    TXT_ZST = "txt.zst"
    CSV_ZST = "csv.zst"
    TSV_ZST = "tsv.zst"
    JSON_ZST = "json.zst"
    JSONL_ZST = "jsonl.zst"
    TXT_BZ2 = "txt.bz2"
    CSV_BZ2 = "csv.bz2"
    TSV_BZ2 = "tsv.bz2"
    JSON_BZ2 = "json.bz2"
    JSONL_BZ2 = "jsonl.bz2"
    TXT_XZ = "txt.xz"
    CSV_XZ = "csv.xz"
    TSV_XZ = "tsv.xz"
    JSON_XZ = "json.xz"
    JSONL_XZ = "jsonl.xz"
    PARQUET = "parquet"
    FOLDER = "folder"


class Quoting(Choice):
    """What quotes in csv and tsv mean."""

    AUTO = "auto", "quotes around texts in csv and tsv are understood in every usual style"
    NONE = "none", "no character quotes: each line is a row, and quotes are part of its texts"


class Deduplicate(Choice):
    """By what rows of the list are the same."""

    URL = "url", "of rows with the same URL only the first is kept"


class DuplicateCaptions(Choice):
    """Which captions of rows with the same URL are kept."""

    FIRST = "first", "that of the first row"
    ALL = "all", "those of all rows, as a list in the metadata column all_captions"


class ParquetLayout(Choice):
    """How images lie in the tables of output_format parquet."""

    DEFAULT = "default", "a column of bytes"
    HF = "hf", "the Image column of the Hugging Face Hub, which loads and shows as images"


class MdsCompression(Choice):
    """How the files of output_format mds are compressed."""

    NONE = "none", "not at all"
    ZSTD = "zstd", "Zstandard, as litData needs it; images do not become smaller"


class HashType(Choice):
    """Which digest of the downloaded bytes is stored."""

    MD5 = "md5"
    SHA256 = "sha256"
    SHA512 = "sha512"


class IndexKind(Choice):
    """Which loader an index is for, by which it finds samples without reading the tars."""

    DALI = "dali", "00000.idx"
    ENERGON = "energon", "00000.tar.idx and .nv-meta/"
    WEBSHART = "webshart", "00000.json"
    WIDS = "wids", "wids.json"


ALL_INDEXES = "all"
"""What stands for each IndexKind."""


class DistributorName(Choice):
    """What runs the workers."""

    MULTIPROCESSING = "multiprocessing", "this machine"
    PYSPARK = "pyspark", "the active Spark session, or one that is made here"
    RAY = "ray", "the connected or running Ray cluster, or one that is made here"


class IncrementalMode(Choice):
    """What becomes of the shards that are already done."""

    INCREMENTAL = "incremental", "skip shards that are done"
    OVERWRITE = "overwrite", "empty the folder first"
    EXTEND = "extend", "number new shards after the existing ones"
    RETRY = (
        "retry",
        "as incremental, and fetch the rows of these shards again that failed for a transient reason",
    )


class RobotsTxt(Choice):
    """Whether robots.txt is obeyed."""

    IGNORE = "ignore", "do not fetch it"
    RESPECT = "respect", "fetch it once per site and obey it"


class PrivateAddresses(Choice):
    """Which private, loopback and other addresses that are not public may be reached."""

    ALLOW = "allow", "all of them"
    LISTED = "listed", "only those that are written as such (or as localhost) in the list"
    DENY = "deny", "none"


class ProgressDisplay(Choice):
    """How a run shows how far it is."""

    AUTO = "auto", "bar on a terminal and in a notebook, lines elsewhere"
    BAR = "bar", "a display that moves; in a notebook, one cell"
    LINES = "lines", "dated lines, at growing intervals"
    JSON = "json", "a JSON object on a line each second, and log_format=json"
    NONE = "none", "notices and the summary only"


class LogFormat(Choice):
    """How the lines on stderr are written."""

    TEXT = "text", "for people"
    JSON = "json", "each line is a JSON object"
