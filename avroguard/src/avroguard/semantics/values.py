"""What the same bytes of a single value mean: logical types, decimals, and promotions from one type to another."""

from collections.abc import Iterator

from avroguard.compatibility.nodes import Node, Path, kind
from avroguard.semantics.changes import SemanticChange, SemanticRule

_LOSSY = {("int", "float"), ("long", "float"), ("long", "double")}
_TICKS_PER_SECOND = {"millis": 10**3, "micros": 10**6, "nanos": 10**9}


def logical_changes(old: Node, new: Node, place: str) -> Iterator[SemanticChange]:
    """What a value's logical type makes of the same bytes now."""
    before, after = old.definition.attributes, new.definition.attributes
    was, now = before.get("logicalType"), after.get("logicalType")
    if was == now:
        if was == "decimal":
            yield from _decimals(old, new, place)
        return
    if was is None:
        rule, change = SemanticRule.LOGICAL_TYPE_ADDED, f"is a {now} now, was a plain {kind(old)}"
    elif now is None:
        rule, change = SemanticRule.LOGICAL_TYPE_REMOVED, f"is a plain {kind(new)} now, was a {was}"
    else:
        rule, change = SemanticRule.LOGICAL_TYPE_CHANGED, f"is a {now} now, was a {was}{_factor(was, now)}"
    yield SemanticChange(
        rule,
        _at(old, "logicalType"),
        _at(new, "logicalType"),
        f"{place} {change}: the same bytes mean something else to whoever goes by the reader's schema (Avro Java does)",
        "keep the logical type, or add a new field",
    )


def _decimals(old: Node, new: Node, place: str) -> Iterator[SemanticChange]:
    before, after = old.definition.attributes, new.definition.attributes
    was, now = before.get("scale", 0), after.get("scale", 0)
    if was != now:
        example = f"{_decimal(1234, was)} as {_decimal(1234, now)}" if _small(was, now) else "another number"
        yield SemanticChange(
            SemanticRule.DECIMAL_SCALE_CHANGED,
            _at(old, "scale"),
            _at(new, "scale"),
            f"{place} has scale {now} instead of {was}: whoever goes by the reader's schema (Avro Java does) reads "
            f"{example}",
            "keep the scale, or add a new field",
        )
    was, now = before.get("precision"), after.get("precision")
    if was != now:
        yield SemanticChange(
            SemanticRule.DECIMAL_PRECISION_CHANGED,
            _at(old, "precision"),
            _at(new, "precision"),
            f"{place} has precision {now} instead of {was}: whoever has the smaller one can't take, or cuts, the "
            "larger values",
            "keep the precision, or add a new field",
        )


def promotions(old: Node, new: Node, place: str) -> Iterator[SemanticChange]:
    """What is lost where one type is read as another."""
    kinds = (kind(old), kind(new))
    if kinds in _LOSSY or kinds[::-1] in _LOSSY:
        yield SemanticChange(
            SemanticRule.PROMOTION_LOSES_DIGITS,
            old.path,
            new.path,
            f"{place} is {kinds[1]} now, was {kinds[0]}: Avro reads one as the other, but whole numbers beyond "
            f"{'2^24' if 'float' in kinds else '2^53'} lose their last digits",
            "keep the type, or add a new field",
        )
    elif set(kinds) == {"string", "bytes"}:
        yield SemanticChange(
            SemanticRule.BYTES_READ_AS_TEXT,
            old.path,
            new.path,
            f"{place} is {kinds[1]} now, was {kinds[0]}: Avro reads one as the other, but bytes that are no UTF-8 "
            "can't be read as a string",
            "keep the type, or add a new field",
        )


def _at(node: Node, key: str) -> Path:
    definition = node.definition
    return (*definition.path, key) if key in definition.attributes else definition.path


def _factor(was: object, now: object) -> str:
    """By how much two logical types of time differ."""
    (old, old_unit), (new, new_unit) = (str(name).rpartition("-")[::2] for name in (was, now))
    if old != new or not {old_unit, new_unit} <= _TICKS_PER_SECOND.keys():
        return ""
    larger, smaller = sorted((_TICKS_PER_SECOND[old_unit], _TICKS_PER_SECOND[new_unit]), reverse=True)
    return f" (wrong by a factor of {larger // smaller})"


def _small(*scales: object) -> bool:
    return all(isinstance(scale, int) and 0 <= scale <= 12 for scale in scales)


def _decimal(unscaled: int, scale: int) -> str:
    digits = str(unscaled).rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
