"""Opens a file of rows by its format."""

from pathlib import Path

from services.errors import UsageError
from tools.replay.delimited import CsvFile
from tools.replay.json_lines import JsonLinesFile
from tools.replay.parquet import ParquetFile
from tools.replay.rows import File

FORMATS = ("csv", "jsonl", "parquet")
_FORMAT_OF = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


def open_file(path: Path, form: str, delimiter: str) -> File:
    """The file at a path.

    Args:
        path: The file.
        form: One of `FORMATS`; empty: its name says it.
        delimiter: Between the cells of CSV; a comma means a tab in a .tsv file.

    Raises:
        UsageError: If there is no file, or its format isn't known.
    """
    if not path.is_file():
        raise UsageError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    suffix = path.suffix.lower()
    match form or _FORMAT_OF.get(suffix):
        case "csv":
            return CsvFile(path, "\t" if suffix == ".tsv" and delimiter == "," else delimiter)
        case "jsonl":
            return JsonLinesFile(path)
        case "parquet":
            return ParquetFile(path)
    raise UsageError(f"{path}: {suffix or 'a name without an ending'} says no format; add --format {'|'.join(FORMATS)}")
