"""Rules and rows for tests of windows: payments of one account, each of 2 cents."""

from collections.abc import Sequence
from fractions import Fraction

from services.rules.model import Aggregation, Columns, Measure, Mode, Rule, Severity, Window
from services.rules.state_requirements import requirements_of
from services.rules.windows import WindowState
from tests.support.window_streams import columns_of

HOUR = 3_600_000


def aggregation(measure: Measure, field: str | None = None, over_ms: int = HOUR, **limits: int) -> Aggregation:
    low, high = (Fraction(limits[name]) if name in limits else None for name in ("at_least", "at_most"))
    return Aggregation(str(measure), Window(measure, field, ("source",), over_ms), None, low, high)


def rule(*aggregations: Aggregation) -> Rule:
    return Rule("rule", Severity.HIGH, "", Mode.LIVE, None, aggregations, "0" * 12)


def rows(times: Sequence[int], source: bytes = b"ann", first: int = 0) -> Columns:
    """A row of 2 cents to a target of its own for each time."""
    return columns_of(
        [
            {"id": b"%d" % number, "source": source, "target": b"t%d" % number, "amount": 2, "created_at": time}
            for number, time in enumerate(times, first)
        ]
    )


def state_of(*rules: Rule, lateness_ms: int = 0) -> WindowState:
    state = WindowState(lateness_ms=lateness_ms)
    state.require(requirements_of(rules, lateness_ms).aggregations)
    return state
