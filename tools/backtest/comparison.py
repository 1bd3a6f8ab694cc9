"""Compares the verdicts of two rules files on the same transactions, block by block."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.rules.conditions import null_mark
from services.rules.fields import Field
from services.rules.model import ID, Mode, Rule, RuleSet
from services.rules.reasons import render_reason
from tools.history import Block, RowMatch


class Change(StrEnum):
    """A difference in what a rule does with a transaction. A missing rule does not fire."""

    NEWLY = "newly"
    """It fires and decides now, and did not before."""
    NO_LONGER = "no longer"
    """It fired and decided before, and does not now."""
    NEWLY_WATCHED = "newly in shadow"
    """It fires in shadow now, and did not fire before."""


@dataclass(frozen=True)
class Example:
    """A transaction with which a rule does something else.

    Attributes:
        rule: The rule's name.
        change: The difference.
        reason: Why the rule fires now, or fired before.
        verdict: The verdict on the transaction by all rules together.
        transaction: Its fields, as people read them.
        fraud: The truth; None where it is unknown.
    """

    rule: str
    change: Change
    reason: str
    verdict: str
    transaction: Mapping[str, str]
    fraud: bool | None


@dataclass
class Tally:
    """A count of transactions, and of the fraud among them where that is known."""

    count: int = 0
    fraud: int = 0

    def add(self, *, fraud: bool) -> None:
        """Count one more."""
        self.count += 1
        self.fraud += fraud


class Comparison:
    """Two rules files, and their verdicts on the same transactions.

    Args:
        live: The rules as they are.
        changed: The rules as they would be.
        fields: The fields of a transaction.
        examples: Number of examples kept of each rule and change.
    """

    def __init__(self, live: RuleSet, changed: RuleSet, fields: Mapping[str, Field], examples: int) -> None:
        self.live = live
        self.changed = changed
        self.examples: list[Example] = []
        self.before, self.after, self.newly, self.no_longer = Tally(), Tally(), Tally(), Tally()
        self.fires: dict[tuple[bool, str], Tally] = {}
        self.changes: dict[tuple[Change, str], Tally] = {}
        self._of_live = {rule.version for rule in live.rules}
        self._of_changed = {rule.version for rule in changed.rules}
        self._fields = fields
        self._limit = examples
        self._shown: dict[tuple[Change, str], set[tuple[Any, ...]]] = {}

    def watch(self, block: Block, matches: Sequence[RowMatch]) -> None:
        """Take in the rule matches of a block: of one file, of the other, or of both."""
        for row, row_matches in _by_row(matches):
            fraud = bool(block.labels.fraud[row]) if block.labels else None
            old = {
                match.rule_match.rule.name: match
                for match in row_matches
                if match.rule_match.rule.version in self._of_live
            }
            new = {
                match.rule_match.rule.name: match
                for match in row_matches
                if match.rule_match.rule.version in self._of_changed
            }
            was, now = _decides(old.values()), _decides(new.values())
            for tally, counts in (
                (self.before, was), (self.after, now), (self.newly, now and not was), (self.no_longer, was and not now)
            ):  # fmt: skip
                if counts:
                    tally.add(fraud=bool(fraud))
            for is_new, fired in ((False, old), (True, new)):
                for name in fired:
                    self.fires.setdefault((is_new, name), Tally()).add(fraud=bool(fraud))
            for name in old.keys() | new.keys():
                change = _change(old.get(name), new.get(name))
                if change is not None:
                    self.changes.setdefault((change, name), Tally()).add(fraud=bool(fraud))
                    match = old[name] if change is Change.NO_LONGER else new[name]
                    self._show(block, match, change, _verdict(was=was, now=now), fraud)

    def _show(self, block: Block, match: RowMatch, change: Change, verdict: str, fraud: bool | None) -> None:
        """Keep an example, unless there are enough or there is one of the same key."""
        rule, key = match.rule_match.rule, match.rule_match.key or (block.columns[ID][match.row],)
        shown = self._shown.setdefault((change, rule.name), set())
        if len(shown) >= self._limit or key in shown:
            return
        shown.add(key)
        values = {name: self._value(block, name, match.row) for name in self._fields}
        reason = render_reason(rule, values, match.rule_match.aggregates, self._fields)
        self.examples.append(Example(rule.name, change, reason, verdict, values, fraud))

    def _value(self, block: Block, name: str, row: int) -> str:
        nulls = block.columns.get(null_mark(name))
        if name not in block.columns or (nulls is not None and nulls[row]):
            return "none"
        return self._fields[name].show(block.columns[name][row])


def _by_row(matches: Sequence[RowMatch]) -> Iterator[tuple[int, Sequence[RowMatch]]]:
    first = 0
    for last in range(1, len(matches) + 1):
        if last == len(matches) or matches[last].row != matches[first].row:
            yield matches[first].row, matches[first:last]
            first = last


def _decides(matches: Iterable[RowMatch]) -> bool:
    return any(_is_live(match.rule_match.rule) for match in matches)


def _is_live(rule: Rule) -> bool:
    return rule.mode is Mode.LIVE


def _change(old: RowMatch | None, new: RowMatch | None) -> Change | None:
    was, now = old is not None and _is_live(old.rule_match.rule), new is not None and _is_live(new.rule_match.rule)
    if now and not was:
        return Change.NEWLY
    if was and not now:
        return Change.NO_LONGER
    return Change.NEWLY_WATCHED if new is not None and old is None else None


def _verdict(*, was: bool, now: bool) -> str:
    return {
        (False, True): "newly suspicious",
        (True, False): "no longer suspicious",
        (True, True): "suspicious as before",
        (False, False): "not suspicious, as before",
    }[was, now]
