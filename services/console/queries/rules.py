"""Rules: their versions, what each fired, and how right it was."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_

from services.console.storage.tables import rule_counts, rule_texts, rules_files


@dataclass(frozen=True)
class Limits:
    """Windows of a version of a rule.

    Attributes:
        figures: By name of an aggregation what it measures, and its limit.
        span_ms: Length of the longest window.
    """

    figures: Mapping[str, tuple[str, str]]
    span_ms: int


@dataclass(frozen=True)
class RuleVersion:
    """A version of a rule.

    Attributes:
        is_current: Whether it is in the rules file now.
        fired: Number of its alerts.
        fraud: Number of those that people decided to be fraud.
        no_fraud: Number of those that they decided to be none.
        unknown: Number of those that they could not decide.
        text: Its text; empty for a version that was in force before the console saw the file.
    """

    rule: str
    version: str
    is_current: bool
    mode: str
    fired: int
    fraud: int
    no_fraud: int
    unknown: int
    first_at: int | None
    latest_at: int | None
    text: str

    @property
    def false_alarm_rate(self) -> float | None:
        """The share of false alarms among the alerts that people decided; None where there is none."""
        decided = self.fraud + self.no_fraud
        return self.no_fraud / decided if decided else None


def limits_of(connection: Connection, versions: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Limits]:
    """Return the limits of versions of rules, of those whose text is known."""
    wanted = list(set(versions))
    rows = connection.execute(
        select(rule_texts).where(tuple_(rule_texts.c.rule, rule_texts.c.rule_version).in_(wanted))
    )
    return {
        (row.rule, row.rule_version): Limits(
            {name: (what, limit) for name, (what, limit) in json.loads(row.figures).items()}, row.span_ms
        )
        for row in rows
    }


def rule_versions(connection: Connection) -> list[RuleVersion]:
    """Return every known version of every rule, the current ones first, then by the time of the latest alert."""
    newest = select(rules_files.c.digest).order_by(rules_files.c.seen_at.desc()).limit(1).scalar_subquery()
    current = connection.scalar(select(newest))
    texts = {(row.rule, row.rule_version): row for row in connection.execute(select(rule_texts))}
    counts = {(row.rule, row.rule_version): row for row in connection.execute(select(rule_counts))}
    versions = [_version(key, texts.get(key), counts.get(key), current) for key in texts.keys() | counts.keys()]
    return sorted(versions, key=lambda item: (not item.is_current, item.rule, -(item.latest_at or 0), item.version))


def _version(key: tuple[str, str], text: Row[Any] | None, counts: Row[Any] | None, current: str | None) -> RuleVersion:
    return RuleVersion(
        rule=key[0],
        version=key[1],
        is_current=text is not None and text.digest == current,
        mode=text.mode if text else "",
        fired=counts.fired if counts else 0,
        fraud=counts.fraud if counts else 0,
        no_fraud=counts.no_fraud if counts else 0,
        unknown=counts.unknown if counts else 0,
        first_at=counts.first_at if counts else None,
        latest_at=counts.latest_at if counts else None,
        text=text.text if text else "",
    )
