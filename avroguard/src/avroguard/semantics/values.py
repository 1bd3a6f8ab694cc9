"""Changes in the meaning of a single value: logical types, decimals, and promotions from one type to another."""

from avroguard.compatibility import Direction
from avroguard.compatibility.nodes import Node, kind
from avroguard.places import JsonPath
from avroguard.semantics.change_collector import ChangeCollector
from avroguard.semantics.meanings import Meaning, meaning, precision, scale
from avroguard.semantics.rules import SemanticRule

_LOSSY = {("int", "float"), ("long", "float"), ("long", "double")}
_KEYS = {"logicalType": "connect.name", "scale": "connect.parameters", "precision": "connect.parameters"}


def add_logical_changes(changes: ChangeCollector, old: Node, new: Node, place: str) -> None:
    """Add the changes of a value's meaning beyond its type."""
    was, now = meaning(old), meaning(new)
    if was == now or (was and now and was.equals(now)):
        if was and was.quantity == "decimal":
            _add_decimal_changes(changes, old, new, place)
        return
    only = None
    if was is None and now:
        rule, change = SemanticRule.LOGICAL_TYPE_ADDED, f"is a {now.name} now, was a plain {kind(old)}"
        only = Direction.BACKWARD if now.restricts_text else None
    elif now is None and was:
        rule, change = SemanticRule.LOGICAL_TYPE_REMOVED, f"is a plain {kind(new)} now, was a {was.name}"
        only = Direction.FORWARD if was.restricts_text else None
    else:
        rule, change = SemanticRule.LOGICAL_TYPE_CHANGED, f"is a {_name(now)} now, was a {_name(was)}"
        if factor := was and now and was.factor(now):
            change += f" (wrong by a factor of {factor})"
    changes.add(
        rule,
        _at(old, "logicalType"),
        _at(new, "logicalType"),
        f"{place} {change}: readers that go by their own schema, as Avro Java does, take the same bytes for another "
        "value",
        "keep the logical type, or add a new field",
        only=only,
    )


def _name(value_meaning: Meaning | None) -> str:
    return value_meaning.name if value_meaning else ""


def _add_decimal_changes(changes: ChangeCollector, old: Node, new: Node, place: str) -> None:
    was, now = scale(old), scale(new)
    if was != now:
        example = f"{_decimal(1234, was)} as {_decimal(1234, now)}" if _small(was, now) else "another number"
        changes.add(
            SemanticRule.DECIMAL_SCALE_CHANGED,
            _at(old, "scale"),
            _at(new, "scale"),
            f"{place} has scale {now} instead of {was}: readers that go by their own schema, as Avro Java does, read "
            f"{example}",
            "keep the scale, or add a new field",
        )
    was, now = precision(old), precision(new)
    if not isinstance(was, int) or not isinstance(now, int) or was == now:
        return
    wider, narrower = ("old", "new") if was > now else ("new", "old")
    changes.add(
        SemanticRule.DECIMAL_PRECISION_CHANGED,
        _at(old, "precision"),
        _at(new, "precision"),
        f"{place} has precision {now} instead of {was}: {narrower} readers refuse, or cut, the larger values of "
        f"{wider} writers",
        "keep the precision, or add a new field",
        only=Direction.BACKWARD if was > now else Direction.FORWARD,
    )


def add_promotions(changes: ChangeCollector, old: Node, new: Node, place: str) -> None:
    """Add what is lost where one type is read as another."""
    for direction in Direction:
        kinds = (kind(old), kind(new)) if direction is Direction.BACKWARD else (kind(new), kind(old))
        if kinds in _LOSSY:
            rule = SemanticRule.PROMOTION_LOSES_DIGITS
            loss = f"whole numbers beyond {'2^24' if 'float' in kinds else '2^53'} lose their last digits"
        elif kinds == ("bytes", "string"):
            rule = SemanticRule.BYTES_READ_AS_TEXT
            loss = "bytes that are no UTF-8 can't be read as a string"
        else:
            continue
        changes.add(
            rule,
            old.path,
            new.path,
            f"{place} is {kind(new)} now, was {kind(old)}: Avro reads {kinds[0]} as {kinds[1]}, but {loss}",
            "keep the type, or add a new field",
            only=direction,
        )


def _at(node: Node, key: str) -> JsonPath:
    """The position of an attribute, or of Connect's in its place, or of the type."""
    definition = node.definition
    present = (name for name in (key, _KEYS[key]) if name in definition.attributes)
    return (*definition.path, *list(present)[:1])


def _small(*scales: object) -> bool:
    return all(isinstance(value, int) and 0 <= value <= 12 for value in scales)


def _decimal(unscaled: int, digits_after_point: object) -> str:
    digits = int(str(digits_after_point))
    text = str(unscaled).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text
