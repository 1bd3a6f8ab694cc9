"""Encoding of a text, found out from its first bytes; where it can't be, the candidates are shown, never guessed."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from services.errors import UsageError

UTF_8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = (
    "cp1251", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "shift_jis", "gb18030", "big5", "euc_kr", "koi8_r",
)  # fmt: skip
_WESTERN = "cp1252"
_DOS = "cp850"
_LONGEST_RUN = 2  # letters beyond ASCII that stand side by side in words of western languages
_SHOWN = 5


def check_encoding(name: str) -> str:
    """Return Python's name of an encoding.

    Raises:
        UsageError: If there is none.
    """
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise UsageError(
            f"--encoding {name}: there is none; such as utf-8, cp1252 (western Windows), utf-16, cp1251, shift_jis"
        ) from None


def detect_encoding(path: Path, sample: bytes) -> str:
    """Return Python's name of the encoding of a text: Unicode, or western Europe's of Windows or DOS.

    Args:
        path: The file, for errors.
        sample: Its first bytes.

    Raises:
        UsageError: If it is something else; the message shows what candidates make of it.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if wide := _without_mark(sample):
        return wide
    if _is_utf_8(sample):
        return UTF_8
    runs = list(_high_runs(sample))
    if max(map(len, runs)) <= _LONGEST_RUN:
        return _western(runs)
    longest = max(runs, key=len)
    raise UsageError(_question(path, next(line for line in sample.splitlines() if longest in line)))


def _without_mark(sample: bytes) -> str:
    """Name UTF-16 without a byte order mark by the zeros beside ASCII; empty if it isn't that."""
    zeros = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if half and zeros[1] > half * 0.4 and zeros[0] < half * 0.1:
        return "utf-16-le"
    return "utf-16-be" if half and zeros[0] > half * 0.4 and zeros[1] < half * 0.1 else ""


def _is_utf_8(sample: bytes) -> bool:
    """Return whether most of what isn't ASCII is right in UTF-8: single broken rows are named later."""
    if sample.isascii():
        return True
    text = codecs.getincrementaldecoder(UTF_8)("surrogateescape").decode(sample)  # may end within a character
    broken = sum("\udc80" <= character <= "\udcff" for character in text)
    return broken == 0 or sum(character > "\x7f" for character in text) - broken > broken


def _high_runs(sample: bytes) -> Iterator[bytes]:
    for is_high, run in groupby(sample, lambda byte: byte > 0x7F):
        if is_high:
            yield bytes(run)


def _western(runs: list[bytes]) -> str:
    """Tell Windows' encoding from that of DOS, where letters are in the place of signs."""
    windows, dos = (_letters(b"".join(runs), name) for name in (_WESTERN, _DOS))
    return _DOS if dos > windows else _WESTERN


def _letters(data: bytes, encoding: str) -> int:
    return sum(unicodedata.category(character)[0] == "L" for character in data.decode(encoding, "ignore"))


def _question(path: Path, line: bytes) -> str:
    """Return the question which encoding it is, with what each candidate makes of a line that isn't ASCII."""
    shown = []
    for name in _CANDIDATES:
        try:
            text = line.decode(name)
        except UnicodeDecodeError:
            continue
        words = re.findall(r"[^\x00-\x7f]+", text)
        if all(unicodedata.category(character)[0] == "L" for word in words for character in word):
            shown.append(f"--encoding {name} reads {max(words, key=len)[:12]!r}")
    readings = "; ".join(shown[:_SHOWN]) or "none of the usual encodings makes letters of it"
    return f"{path}: not UTF-8; say which encoding it is: {readings}"
