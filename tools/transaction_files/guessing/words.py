"""Words that name fields, and words that stand in their cells, in files of banks, card processors and data sets."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

_NAMES: Mapping[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("column_names.toml").read_text(encoding="utf-8")
)

CLOCKS = ("time", "uhrzeit", "heure", "hora", "transaction time", "time of day", "tijd", "ora", "trans time")
"""Names of a column with the time of day beside one with the date."""

STATES = ("state", "status")
DONE = (
    "completed", "settled", "booked", "success", "succeeded", "posted", "paid", "approved", "captured", "executed",
)  # fmt: skip
"""States of payments that were made."""

FRAUD_WORDS = {
    "fraud": "1", "fraudulent": "1", "confirmed": "1", "chargeback": "1", "suspicious": "1", "illicit": "1", "ja": "1",
    "si": "1", "oui": "1", "bad": "1",
    "legit": "0", "legitimate": "0", "genuine": "0", "normal": "0", "ok": "0", "good": "0", "clean": "0", "licit": "0",
    "nein": "0", "non": "0", "none": "0", "not fraud": "0",
}  # fmt: skip

_ACCENTS = str.maketrans("äöüéèêàçñíóáúł", "aoueeeacnioaul")


def plain_name(column: str) -> str:
    """Return a column's name as plain words: lower case, without accents and signs."""
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", column).lower().translate(_ACCENTS).replace("ß", "ss")
    return " ".join(re.findall(r"[a-z]+|\d+", text))


def name_score(field: str, column: str) -> float:
    """Return how well a column's name fits a field, 0 to 1."""
    parts = re.split(r"[.\[\]]+", column) if "." in column and " " not in column else []
    # An id somewhere inside of a record is rarely that of the transaction.
    names = {plain_name(column), *(plain_name(part) for part in parts if field != "id")}
    best = 0.0
    for place, word in enumerate(_NAMES[field]):
        rank = 1.0 - 0.2 * place / len(_NAMES[field])
        if word in names:
            best = max(best, rank)
        elif len(word) > 2 and any(f" {word} " in f" {name} " for name in names):
            best = max(best, 0.6 * rank)
    return best
