"""The rules in force, and every version of them that the console has seen: their texts, limits and windows."""

import json
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any

import structlog
from sqlalchemy import Engine, delete, update

from services.console.clock import now_ms
from services.console.storage.database import insert_new, writing
from services.console.storage.tables import rule_texts, rules_files
from services.errors import ContractError
from services.rules.explanation import limit_of, measured
from services.rules.fields import Field
from services.rules.model import Rule, RuleSet

log = structlog.get_logger()

POLL_SECONDS = 2.0


class RulesCatalog:
    """Keeper of the versions of the rules file, in a thread of its own.

    Args:
        engine: The database.
        load: Reads the rules file.
        fields: The fields of a transaction.
        stop: Ends the thread when set.
    """

    def __init__(self, engine: Engine, load: Callable[[], RuleSet], fields: Mapping[str, Field], stop: Event) -> None:
        self._engine = writing(engine)
        self._load = load
        self._fields = fields
        self._stop = stop
        self._seen = ""

    def start(self) -> None:
        """Read the file now, and start to watch it."""
        self.refresh()
        Thread(target=self._run, name="rules", daemon=True).start()

    def refresh(self) -> None:
        """Store the rules if the file has changed; a broken file changes nothing."""
        try:
            rules = self._load()
        except ContractError as error:
            if str(error) != self._seen:
                log.warning("rules file not readable", reason=str(error))
                self._seen = str(error)
            return
        if rules.text == self._seen:
            return
        now = now_ms()
        with self._engine.begin() as connection:
            insert_new(connection, rules_files, [{"digest": rules.version, "text": rules.text, "seen_at": now}])
            connection.execute(update(rules_files).where(rules_files.c.digest == rules.version).values(seen_at=now))
            for rule in rules.rules:
                # The same version may have another text: comments and constants are no part of its digest.
                connection.execute(
                    delete(rule_texts).where(rule_texts.c.rule == rule.name, rule_texts.c.rule_version == rule.version)
                )
            insert_new(connection, rule_texts, [_row(rule, rules, self._fields, now) for rule in rules.rules])
        self._seen = rules.text

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                self.refresh()
            except Exception:  # the database is away: the next round tries again
                log.warning("rules not stored", exc_info=True)


def _row(rule: Rule, rules: RuleSet, fields: Mapping[str, Field], now: int) -> dict[str, Any]:
    spans = [aggregation.window.over_ms for aggregation in rule.aggregations]
    return {
        "rule": rule.name,
        "rule_version": rule.version,
        "digest": rules.version,
        "text": section(rules.text, rule.name),
        "mode": rule.mode.value,
        "figures": json.dumps({item.name: (measured(item), limit_of(item, fields)) for item in rule.aggregations}),
        "span_ms": max(spans, default=0),
        "seen_at": now,
    }


def section(text: str, name: str) -> str:
    """Return the lines of a rule in a rules file."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        header = line.strip()
        if header.startswith("["):
            inside = header == f"[rules.{name}]" or header.startswith(f"[rules.{name}.")
        if inside:
            lines.append(line)
    return "\n".join(lines).strip()
