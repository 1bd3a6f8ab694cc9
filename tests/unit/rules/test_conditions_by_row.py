"""Conditions over columns equal plain Python, row by row: random conditions, random rows, with and without values."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.rules.condition_parser import parse_condition
from services.rules.conditions import with_nulls
from tests.support.rules import NAMES

Row = Mapping[str, Any]
Truth = Callable[[Row], bool | None]
Said = tuple[str, Truth]
"""A condition as text, and what it means for a row: true, false, or None where a field has no value."""

_SIGNS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = ["", "a", "A", "EUR", "EU", "é", "12", "a\\d", "-", "x" * 20]
_PATTERNS = ["a", "[a-z]*", ".", r"\d+", "EUR?", "", "é|a"]

small = st.integers(-30, 30)
cents = st.one_of(small.map(lambda n: n * 10), st.integers(-(10**12) + 1, 10**12 - 1))
numbers = st.one_of(
    small.map(Decimal),
    st.decimals(-3, 3, places=2),
    st.decimals(-3, 3, places=4),
    st.integers(-(10**25), 10**25).map(Decimal),
)
moments = st.integers(-5, 5).map(lambda n: _EPOCH + timedelta(milliseconds=500 * n))
rows_of = st.fixed_dictionaries(
    {
        "amount": cents.map(lambda n: Decimal(n).scaleb(-2)),
        "fee": cents.map(lambda n: Decimal(n).scaleb(-2)),
        "huge": st.integers(-(10**25), 10**25).map(lambda n: Decimal(n).scaleb(-2)) | cents.map(Decimal),
        "items": small | st.integers(-(2**31), 2**31 - 1),
        "discount": st.none() | small,
        "online": st.booleans(),
        "source": st.sampled_from(_WORDS),
        "target": st.sampled_from([*_WORDS, "a\0"]),
        "country": st.none() | st.sampled_from(_WORDS),
        "created_at": moments,
    }
)
_NUMBERS = ["amount", "fee", "huge", "items", "discount"]
_TEXTS = ["source", "target", "country"]


def said(text: str, meaning: Callable[[Any], bool], *names: str) -> Said:
    def truth(row: Row) -> bool | None:
        values = [row[name] for name in names]
        return None if None in values else meaning(*values)

    return text, truth


def spelt(number: Decimal) -> str:
    return format(number, "f")


def compared(number: str, sign: str, constant: Decimal) -> Said:
    return said(f"{number} {sign} {spelt(constant)}", lambda value: _SIGNS[sign](value, constant), number)


def mirrored(number: str, sign: str, constant: Decimal) -> Said:
    return said(f"{spelt(constant)} {sign} {number}", lambda value: _SIGNS[sign](constant, value), number)


def ranged(number: str, low: Decimal, high: Decimal) -> Said:
    return said(f"{spelt(low)} <= {number} < {spelt(high)}", lambda value: low <= value < high, number)


def listed(number: str, some: list[Decimal]) -> Said:
    return said(f"{number} in [{', '.join(map(spelt, some))}]", lambda value: value in some, number)


def divided(number: str, divisor: int, sign: str, constant: Decimal) -> Said:
    text = f"{number} % {divisor} {sign} {spelt(constant)}"
    return said(text, lambda value: _SIGNS[sign](remainder(value, divisor), constant), number)


def between_fields(names: tuple[str, str], sign: str) -> Said:
    return said(f"{names[0]} {sign} {names[1]}", _SIGNS[sign], *names)


def worded(word: str, sign: str, constant: str) -> Said:
    return said(f"{word} {sign} '{constant}'", lambda value: _SIGNS[sign](value, constant), word)


def among(word: str, words: list[str], *, inside: bool) -> Said:
    text = ", ".join(f"'{choice}'" for choice in words)
    return said(f"{word} {'in' if inside else 'not in'} [{text}]", lambda value: (value in words) is inside, word)


def matching(word: str, pattern: str) -> Said:
    return said(f"matches({word}, '{pattern}')", lambda value: re.fullmatch(pattern, value) is not None, word)


def timed(sign: str, moment: datetime) -> Said:
    return said(f"created_at {sign} '{moment.isoformat()}'", lambda value: _SIGNS[sign](value, moment), "created_at")


number_fields, text_fields, signs = (st.sampled_from(some) for some in (_NUMBERS, _TEXTS, sorted(_SIGNS)))
equalities, words = st.sampled_from(["==", "!="]), st.sampled_from(_WORDS)
leaves = st.one_of(
    st.builds(compared, number_fields, signs, numbers),
    st.builds(mirrored, number_fields, signs, numbers),
    st.builds(ranged, number_fields, numbers, numbers),
    st.builds(listed, number_fields, st.lists(numbers, min_size=1, max_size=3)),
    st.builds(divided, number_fields, st.integers(1, 50) | st.integers(1, 10**12), signs, numbers),
    st.builds(between_fields, st.just(("amount", "fee")), signs),
    st.builds(between_fields, st.just(("source", "target")), equalities),
    st.builds(worded, text_fields, equalities, words),
    st.builds(among, text_fields, st.lists(words, min_size=1, max_size=3), inside=st.booleans()),
    st.builds(matching, text_fields, st.sampled_from(_PATTERNS)),
    st.builds(timed, signs, moments),
    st.just(said("online", bool, "online")),
)


def remainder(value: Decimal | int, divisor: int) -> Decimal:
    """Python's own for whole numbers; that of Decimal has another sign."""
    return Decimal(int(Decimal(value) * 100) % (divisor * 100)).scaleb(-2)


def negated(condition: Said) -> Said:
    def truth(row: Row) -> bool | None:
        known = condition[1](row)
        return None if known is None else not known

    return f"not ({condition[0]})", truth


def joined(parts: list[Said], word: str) -> Said:
    """And or or, where it isn't known of every part whether it holds."""
    decides = word == "or"

    def truth(row: Row) -> bool | None:
        known = [part[1](row) for part in parts]
        return decides if decides in known else None if None in known else not decides

    return f" {word} ".join(f"({text})" for text, _ in parts), truth


conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(negated),
        st.tuples(st.lists(inner, min_size=2, max_size=3), st.sampled_from(["and", "or"])).map(lambda it: joined(*it)),
    ),
    max_leaves=5,
)


def columns_of(rows: list[Row]) -> dict[str, Any]:
    def unscaled(name: str) -> list[int]:
        return [int(row[name] * 100) for row in rows]

    def text(name: str) -> Any:
        octets = [(row[name] or "").encode() for row in rows]
        return np.array(octets, object if any(content.endswith(b"\0") for content in octets) else "S20")

    plain = {
        "amount": np.array(unscaled("amount"), np.int64),
        "fee": np.array(unscaled("fee"), np.int64),
        "huge": np.array(unscaled("huge"), object),
        "items": np.array([row["items"] for row in rows], np.int64),
        "discount": np.array([row["discount"] or 0 for row in rows], np.int64),
        "online": np.array([row["online"] for row in rows], np.bool_),
        "source": text("source"),
        "target": text("target"),
        "country": text("country"),
        "created_at": np.array([(row["created_at"] - _EPOCH) // timedelta(milliseconds=1) for row in rows], np.int64),
    }
    nulls = {name: np.array([row[name] is None for row in rows], np.bool_) for name in ("discount", "country")}
    return dict(with_nulls(plain, nulls))


@settings(max_examples=200, deadline=None)
@given(conditions, st.lists(rows_of, max_size=5))
def test_a_mask_is_what_python_says_row_by_row(condition: Said, rows: list[Row]) -> None:
    text, truth = condition
    read = parse_condition(text, NAMES)
    mask = read.mask(columns_of(rows), len(rows))
    assert mask.dtype == np.bool_
    assert mask.tolist() == [truth(row) is True for row in rows]


@settings(max_examples=100, deadline=None)
@given(conditions, st.lists(rows_of, max_size=2))
def test_the_canonical_spelling_means_the_same_and_stays(condition: Said, rows: list[Row]) -> None:
    read = parse_condition(condition[0], NAMES)
    again = parse_condition(read.text, NAMES)
    assert again.text == read.text
    assert again.fields == read.fields
    columns = columns_of(rows)
    assert again.mask(columns, len(rows)).tolist() == read.mask(columns, len(rows)).tolist()
