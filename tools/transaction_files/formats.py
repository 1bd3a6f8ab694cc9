"""Opening of a file by its format: what the profile says, else its content, else its name."""

from pathlib import Path

from services.errors import UsageError
from tools.transaction_files.csv_file import CsvFile
from tools.transaction_files.json_file import JsonFile
from tools.transaction_files.parquet_file import ParquetFile
from tools.transaction_files.profile import Profile
from tools.transaction_files.raw_bytes import RawFile
from tools.transaction_files.rows import File

FORMATS = ("csv", "json", "parquet")
_FORMAT_OF = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".dat": "csv", ".asc": "csv", ".tab": "csv", ".psv": "csv",
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
_PACKED = {".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".zip"}


def open_file(path: Path, profile: Profile) -> File:
    """The file at a path.

    Raises:
        UsageError: If there is no file, or its format isn't known.
    """
    if not path.is_file():
        raise UsageError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    match profile.format or format_of(path):
        case "csv":
            return CsvFile(path, profile)
        case "json" | "jsonl":
            return JsonFile(path, profile)
        case "parquet":
            return ParquetFile(path, profile)
    suffix = path.suffix
    raise UsageError(f"{path}: {suffix or 'a name without an ending'} says no format; add --format {'|'.join(FORMATS)}")


def format_of(path: Path) -> str:
    """Return the format of a file; empty if neither content nor name says it."""
    with path.open("rb") as stream:
        first = stream.read(4)
    if first == b"PAR1":
        return "parquet"
    RawFile(path)  # refuses what can't be read, with the way out
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return _FORMAT_OF.get(suffixes[-1], "") if suffixes else ""
