"""Bytes of files, unpacked: gzip, bzip2, xz, zip and zstd, known by their first bytes and not by the file's name."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from services.errors import UsageError

_FIRST = 8
_PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


class RawFile:
    """A file's bytes, unpacked while they are read.

    Args:
        path: The file.

    Attributes:
        packing: Name of the compression; empty for none.

    Raises:
        UsageError: If the content is something that no reader here knows, with the way out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as stream:
            first = stream.read(_FIRST)
        self.packing, self._unpack = _packing(path, first)
        self._size = max(1, path.stat().st_size)
        self._packed: IO[bytes] | None = None

    def open(self) -> IO[bytes]:
        """Open it at its beginning, buffered."""
        self._packed = self.path.open("rb")
        return self._unpack(self._packed)

    @property
    def read(self) -> float:
        """Share of the file that was read since it was opened, 0 to 1."""
        return 0.0 if self._packed is None or self._packed.closed else min(1.0, self._packed.tell() / self._size)

    def sample(self, size: int) -> bytes:
        """Return the first bytes."""
        with self.open() as stream:
            return stream.read(size)


def _packing(path: Path, first: bytes) -> tuple[str, Callable[[IO[bytes]], IO[bytes]]]:
    if first.startswith(b"\x1f\x8b"):
        return "gzip", lambda packed: cast("IO[bytes]", gzip.GzipFile(fileobj=packed))
    if first.startswith(b"BZh"):
        return "bzip2", bz2.BZ2File
    if first.startswith(b"\xfd7zXZ"):
        return "xz", lzma.LZMAFile
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd", _zstd(path)
    if first.startswith(b"PK\x03\x04"):
        return "zip", lambda packed: _only_member(path, packed)
    _refuse_unreadable(path, first)
    return "", lambda packed: packed


def _refuse_unreadable(path: Path, first: bytes) -> None:
    """Refuse content that has to be converted first; reading a pickle runs what is in it."""
    if first.startswith(_PICKLES) or path.suffix.lower() in {".pkl", ".pickle"}:
        raise UsageError(
            f"{path}: a pickle, which can run anything when it is read; convert one you trust, with pandas: "
            f"python -c \"import pandas; pandas.read_pickle('{path.name}').to_csv('{path.stem}.csv', index=False)\""
        )
    if first.startswith(b"\xd0\xcf\x11\xe0"):
        raise UsageError(f"{path}: an old Excel workbook; save the sheet as CSV, and the columns of accounts as text")
    if first.startswith(b"%PDF"):
        raise UsageError(f"{path}: a PDF; ask the bank for CSV, CAMT or MT940 as CSV")


def _only_member(path: Path, packed: IO[bytes]) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(packed)
    except zipfile.BadZipFile as error:
        raise UsageError(f"{path}: not a zip archive that can be read: {error}") from None
    members = [member for member in archive.namelist() if not member.endswith("/") and "__MACOSX" not in member]
    if "[Content_Types].xml" in members:
        raise UsageError(f"{path}: an Excel workbook; save the sheet as CSV, and the columns of accounts as text")
    if len(members) != 1:
        raise UsageError(f"{path}: {len(members)} files in it; unpack it and name those to read")
    return archive.open(members[0])


def _zstd(path: Path) -> Callable[[IO[bytes]], IO[bytes]]:
    try:
        import pyarrow  # noqa: ICN001, PLC0415
    except ImportError:
        raise UsageError(f"{path}: reading zstd takes pyarrow; install it: scripts/install --parquet") from None
    arrow: Any = pyarrow

    def unpack(packed: IO[bytes]) -> IO[bytes]:
        stream = arrow.CompressedInputStream(arrow.PythonFile(packed, "r"), "zstd")
        return cast("IO[bytes]", io.BufferedReader(stream))

    return unpack
