"""Explanations as text and as JSON data."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from services.explanation import TransactionExplanation
from services.explanation.record_place import RecordPlace
from services.rules.explanation import Check, Explanation, ModelExplanation, RuleExplanation, as_json
from services.rules.reasons import render_number
from tools.tail.exact_json import iso

_IDS = 5
"""Contributors that are named on each side of a long list."""


def json_of(transaction: Mapping[str, Any], explanation: Explanation, found: TransactionExplanation | None) -> Any:
    """Return an explanation as JSON data.

    Args:
        transaction: The fields of the transaction.
        explanation: Why its verdict is what it is.
        found: Where it is on topics; None for one of a file.
    """
    content: dict[str, Any] = {"transaction": dict(transaction), **as_json(explanation)}
    if found is not None:
        content["written"] = {"verdict": found.verdict, "version": found.version, "fired": found.fired}
        content["agrees"] = found.agrees
        content["records"] = {
            "input": asdict(found.input),
            "stages": found.stages,
            "output": None if found.output is None else asdict(found.output),
        }
    return content


def lines_of(
    transaction: Mapping[str, Any], explanation: Explanation, found: TransactionExplanation | None
) -> Iterator[str]:
    """Yield an explanation as lines for people; see `json_of`."""
    matched = [rule for rule in explanation.rules if rule.matched]
    others = [rule for rule in explanation.rules if not rule.matched]
    fired = f": {', '.join(explanation.fired)}" if explanation.fired else ""
    yield f"{explanation.verdict}{fired}"
    yield ""
    yield "transaction"
    for name, value in transaction.items():
        yield f"  {name:<12} {iso(value) if isinstance(value, datetime) else value}"
    if found is not None:
        yield from _records(found)
    yield f"rules {explanation.version} of {explanation.source}{_written(found)}"
    if explanation.late:
        yield "  later than allowed: windows may have lost entries that it should find (ALLOWED_LATENESS)"
    yield ""
    for rule in matched:
        yield from _rule(rule)
    if others:
        yield "no match, the nearest first"
        for rule in others:
            yield from _rule(rule)
    for model in explanation.models:
        yield from _model(model)
    scores = {model.name for model in explanation.models}
    if features := {name: value for name, value in explanation.features.items() if name not in scores}:
        yield "features"
        for name, number in features.items():
            yield f"  {name:<24} {render_number(number)}"


def _records(found: TransactionExplanation) -> Iterator[str]:
    yield ""
    yield "records"
    yield from _record("read", found.input)
    for position in found.stages:
        yield f"  evaluated at {position}"
    if found.output is None:
        yield "  no verdict is written yet"
    else:
        yield from _record("written", found.output)
    yield ""


def _record(what: str, place: RecordPlace) -> Iterator[str]:
    moment = iso(datetime.fromtimestamp(place.timestamp / 1000, UTC))
    yield f"  {what} at {place.topic}-{place.partition}-{place.offset}, {moment}, key {place.key or 'none'}"
    versions = f" ({', '.join(place.schema_versions)})" if place.schema_versions else ""
    yield f"    schema id {place.schema_id or 'unknown'}{versions}"
    for name, value in place.headers:
        yield f"    {name}: {value}"


def _written(found: TransactionExplanation | None) -> str:
    if found is None or found.verdict is None:
        return ""
    if found.is_what_if:
        return f", what if; version {found.version} was in force and wrote {found.verdict}"
    if found.agrees:
        return ", the same verdict as was written"
    return f": DIFFERS from what was written, {found.verdict} by {', '.join(found.fired) or 'no rule'}"


def _rule(rule: RuleExplanation) -> Iterator[str]:
    mode = "" if rule.mode.value == "live" else f", {rule.mode.value}"
    evaluated_by = rule.evaluated_by or "transaction"
    yield f"  {rule.name} ({rule.severity.value}{mode}, version {rule.version}, by {evaluated_by})"
    match = rule.match
    if match is not None:
        yield f"    {match['reason']}"
    for check in rule.checks:
        yield f"    {'✓' if check.met else '✗'} {_check(check)}"
    if match is not None:
        key = ", ".join(f"{name} {value}" for name, value in match["key"].items())
        if key:
            yield f"    key: {key}"
        ids = match["contributors"]
        yield f"    contributors ({len(ids)}): {_shortened(ids)}"
        suppressed = f", {match['suppressed']} matches before it without one" if match["suppressed"] else ""
        yield f"    alert: {match['id']}{suppressed}" if rule.alert else "    alert: none"
    yield ""


def _check(check: Check) -> str:
    text = f"{check.name}: {check.value}" if check.measured else f"{check.name} ({check.value})"
    text += f", {check.limit}" if check.limit else ""
    if check.missing:
        reached = "" if check.reached is None else f" ({check.reached:.0%} of the limit)"
        text += f": {check.missing}{reached}"
    return f"{text}; {check.measured}" if check.measured else text


def _shortened(ids: list[str]) -> str:
    if len(ids) <= 2 * _IDS:
        return ", ".join(ids)
    return f"{', '.join(ids[:_IDS])}, … {len(ids) - 2 * _IDS} more …, {', '.join(ids[-_IDS:])}"


def _model(model: ModelExplanation) -> Iterator[str]:
    score = f"score {model.score:.4f}, threshold {model.threshold:g}"
    yield f"model {model.name} ({model.mode.value}, {model.digest}): {score}"
    for part in model.contributions:
        yield f"    {part.log_odds:+.2f} {part.words}"
    yield ""
