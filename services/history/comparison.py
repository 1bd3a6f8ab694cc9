"""Compares the verdicts of two rules files on the same transactions, block by block."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from services.history import Block
from services.rules.conditions import null_mark
from services.rules.fields import Field
from services.rules.model import ID, Mask, Mode, RuleSet
from services.rules.reasons import render_reason
from services.rules.rule_match import RuleMatch, RuleMatches


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
    """A count of transactions, of those among them whose truth is known, and of the fraud among these."""

    count: int = 0
    known: int = 0
    fraud: int = 0

    def add(self, mask: Mask, known: Mask, fraud: Mask) -> None:
        """Count the rows of a mask."""
        self.count += int(np.count_nonzero(mask))
        self.known += int(np.count_nonzero(mask & known))
        self.fraud += int(np.count_nonzero(mask & fraud))


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

    def watch(self, block: Block, matches: Sequence[RuleMatches]) -> None:
        """Take in the rule matches of a block: of one file, of the other, or of both."""
        known, fraud = _truth(block)
        old = _fired(block, [of_rule for of_rule in matches if of_rule.rule.version in self._of_live])
        new = _fired(block, [of_rule for of_rule in matches if of_rule.rule.version in self._of_changed])
        was, now = _suspicious(block, old.values()), _suspicious(block, new.values())
        for tally, mask in (
            (self.before, was), (self.after, now), (self.newly, now & ~was), (self.no_longer, was & ~now)
        ):  # fmt: skip
            tally.add(mask, known, fraud)
        for is_new, fired in ((False, old), (True, new)):
            for name, of_rule in fired.items():
                self.fires.setdefault((is_new, name), Tally()).add(of_rule.mask, known, fraud)
        for name in old.keys() | new.keys():
            before, after = (fired.get(name, _Fired([], np.zeros(block.rows, np.bool_))) for fired in (old, new))
            for change, mask in _changes(before, after).items():
                if mask.any():
                    self.changes.setdefault((change, name), Tally()).add(mask, known, fraud)
                    self._show(block, before if change is Change.NO_LONGER else after, change, mask, (was, now))

    def _show(self, block: Block, fired: "_Fired", change: Change, mask: Mask, suspicious: tuple[Mask, Mask]) -> None:
        """Keep examples of changed rows, of different keys, unless there are enough."""
        rule = fired.matches[0].rule
        shown = self._shown.setdefault((change, rule.name), set())
        for row in np.flatnonzero(mask).tolist():
            if len(shown) >= self._limit:
                return
            match = fired.match(row)
            key = match.key or (block.columns[ID][row],)
            if key in shown:
                continue
            shown.add(key)
            values = {name: self._value(block, name, row) for name in self._fields}
            reason = render_reason(rule, values, match.aggregates, self._fields, match.features)
            was, now = (bool(verdicts[row]) for verdicts in suspicious)
            known, truth = _truth(block)
            fraud = bool(truth[row]) if known[row] else None
            self.examples.append(Example(rule.name, change, reason, _verdict(was=was, now=now), values, fraud))

    def _value(self, block: Block, name: str, row: int) -> str:
        nulls = block.columns.get(null_mark(name))
        if name not in block.columns or (nulls is not None and nulls[row]):
            return "none"
        return self._fields[name].show(block.columns[name][row])


@dataclass(frozen=True)
class _Fired:
    """The matches of a rule in a block, by partition, and the mask of their counted rows."""

    matches: list[RuleMatches]
    mask: Mask

    @property
    def live(self) -> Mask:
        """The rows that it decides."""
        return self.mask if self.matches and self.matches[0].rule.mode is Mode.LIVE else np.zeros_like(self.mask)

    def match(self, row: int) -> RuleMatch:
        """Return the match of a row of the mask."""
        places = ((of_partition, int(np.searchsorted(of_partition.rows, row))) for of_partition in self.matches)
        return next(
            of_partition[place]
            for of_partition, place in places
            if place < len(of_partition) and of_partition.rows[place] == row
        )


def _fired(block: Block, matches: Iterable[RuleMatches]) -> dict[str, _Fired]:
    fired: dict[str, _Fired] = {}
    for of_rule in matches:
        name = of_rule.rule.name
        if name not in fired:
            fired[name] = _Fired([], np.zeros(block.rows, np.bool_))
        fired[name].matches.append(of_rule)
        fired[name].mask[of_rule.rows] = True if block.counted is None else block.counted[of_rule.rows]
    return fired


def _truth(block: Block) -> tuple[Mask, Mask]:
    """Return the rows whose truth is known, and those of fraud."""
    if block.labels is None:
        nothing = np.zeros(block.rows, np.bool_)
        return nothing, nothing
    known = block.labels.known
    return np.ones(block.rows, np.bool_) if known is None else known, block.labels.fraud


def _suspicious(block: Block, fired: Iterable[_Fired]) -> Mask:
    mask = np.zeros(block.rows, np.bool_)
    for of_rule in fired:
        mask |= of_rule.live
    return mask


def _changes(before: _Fired, after: _Fired) -> Mapping[Change, Mask]:
    """Return by change the rows with which a rule does something else."""
    newly, no_longer = after.live & ~before.live, before.live & ~after.live
    return {
        Change.NEWLY: newly,
        Change.NO_LONGER: no_longer,
        Change.NEWLY_WATCHED: after.mask & ~before.mask & ~newly,
    }


def _verdict(*, was: bool, now: bool) -> str:
    return {
        (False, True): "newly suspicious",
        (True, False): "no longer suspicious",
        (True, True): "suspicious as before",
        (False, False): "not suspicious, as before",
    }[was, now]
