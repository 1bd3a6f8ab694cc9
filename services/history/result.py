"""The result of a backtest, computed from a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.history import History
from services.history.comparison import Change, Comparison, Example, Tally
from services.rules.model import Rule


@dataclass(frozen=True)
class Count:
    """A count of transactions.

    Attributes:
        transactions: The count.
        fraud: The fraud among them; None where there are no labels.
        known: Number of those whose truth is known; None where there are no labels.
    """

    transactions: int
    fraud: int | None
    known: int | None = None

    @property
    def precision(self) -> float | None:
        """The share of fraud among those whose truth is known; None where it is known of none."""
        return self.fraud / self.known if self.known and self.fraud is not None else None


@dataclass(frozen=True)
class RuleChange:
    """The changes of one rule.

    Attributes:
        name: The rule's name.
        status: added, removed, changed or same.
        before: live, shadow or none.
        after: The same.
        fired: On how many transactions the rule as it is fires.
        fires: On how many the rule as it would be fires.
        newly: On how many it fires and decides, and did not before.
        no_longer: On how many it fired and decided, and would not.
        newly_in_shadow: On how many it fires in shadow, and did not fire before.
    """

    name: str
    status: str
    before: str
    after: str
    fired: Count
    fires: Count
    newly: Count
    no_longer: Count
    newly_in_shadow: Count

    @property
    def is_silent(self) -> bool:
        """Return whether the rule is new or changed, and matches nothing."""
        return self.status in {"added", "changed"} and not self.fires.transactions


@dataclass(frozen=True)
class Result:
    """A backtest.

    Attributes:
        live: The file of the rules as they are.
        changed: The file of the rules as they would be.
        source: The transactions, in words.
        transactions: Their number.
        days_of_data: Time from the first to the last, in days of event time.
        seconds: Time that the evaluation took.
        suspicious_before: By the rules as they are.
        suspicious_after: By the rules as they would be.
        newly: Suspicious by the latter only.
        no_longer: Suspicious by the former only.
        rules: In the order of the changed file, then what was removed.
        examples: Of each rule and change some, of different keys; by rule, change and the order of the log.
        notes: Remarks on the input, and the new or changed rules that fire on nothing.
    """

    live: str
    changed: str
    source: str
    transactions: int
    days_of_data: float
    seconds: float
    suspicious_before: Count
    suspicious_after: Count
    newly: Count
    no_longer: Count
    rules: tuple[RuleChange, ...]
    examples: tuple[Example, ...]
    notes: tuple[str, ...]


def result_of(
    comparison: Comparison, history: History, *, names: tuple[str, str], source: str, notes: list[str]
) -> Result:
    """Sum up a comparison.

    Args:
        comparison: Having watched the history.
        history: The evaluated transactions.
        names: Of the two files.
        source: Name of the transactions.
        notes: About the input.
    """
    known = history.truth is not None

    def count(tally: Tally | None) -> Count:
        tally = tally or Tally()
        return Count(tally.count, *((tally.fraud, tally.known) if known else (None, None)))

    old, new = ({rule.name: rule for rule in rule_set.rules} for rule_set in (comparison.live, comparison.changed))
    names_of = [*new, *(name for name in old if name not in new)]
    rules = tuple(
        RuleChange(
            name,
            _status(old, new, name),
            str(old[name].mode) if name in old else "none",
            str(new[name].mode) if name in new else "none",
            count(comparison.fires.get((False, name))),
            count(comparison.fires.get((True, name))),
            *(count(comparison.changes.get((change, name))) for change in Change),
        )
        for name in names_of
    )
    return Result(
        live=names[0],
        changed=names[1],
        source=source,
        transactions=len(history),
        days_of_data=history.span_ms / 86_400_000,
        seconds=history.seconds,
        suspicious_before=count(comparison.before),
        suspicious_after=count(comparison.after),
        newly=count(comparison.newly),
        no_longer=count(comparison.no_longer),
        rules=rules,
        examples=tuple(sorted(comparison.examples, key=lambda example: (names_of.index(example.rule), example.change))),
        notes=(*notes, *(_silent(rule.name) for rule in rules if rule.is_silent)),
    )


def _silent(name: str) -> str:
    return (
        f"{name} fires on nothing here: loosen its limits until it does, and the reasons of its examples say how far "
        "these transactions are from them"
    )


def _status(old: Mapping[str, Rule], new: Mapping[str, Rule], name: str) -> str:
    if name not in old:
        return "added"
    if name not in new:
        return "removed"
    return "same" if old[name].version == new[name].version else "changed"
