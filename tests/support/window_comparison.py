"""Runs the engine and a plain recomputation side by side over random streams of transactions."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from random import Random
from unittest.mock import patch

import numpy as np

from services.rules.model import Aggregation, Condition, Measure, Rule, Window, longest_reach
from services.rules.rule_match import as_number
from services.rules.state_requirements import requirements_of
from services.rules.windows import Evaluation, StateBuilder, WindowState, changes
from services.rules.windows.aggregates import Average, DistinctCount, Max, Min, Sum
from tests.support.window_streams import Fired, Recomputed, Row, columns_of, random_habits, random_rows, random_rules


class Comparison:
    """One stream: batches that are evaluated or only added, with all that can happen in between.

    Args:
        random: Decides everything.
        seen: Counts what was compared.
    """

    def __init__(self, random: Random, seen: Counter[str]) -> None:
        self._random = random
        self._seen = seen
        self._lateness = random.choice([0, 0, 5, 20, 50])
        self._habits = random_habits(random, self._lateness)
        self._bound = random.choice([1, 3, 100])
        self._wheres: dict[Window, Condition | None] = {}
        self._rules: tuple[Rule, ...] = ()
        self._history: list[tuple[Row, int]] = []
        self._committed_rows = 0
        self._start = random.choice([0, 1_700_000_000_000, -40])
        self._engine = WindowState(lateness_ms=self._lateness, contributors=self._bound)
        self._expected = Recomputed(self._lateness, self._bound)
        self._committed = self._expected.copy()
        self._change_rules()

    def run(self) -> None:
        """Run the steps; half of the streams keep running aggregates from the second entry on, as busy keys do."""
        kinds = [kind for kind in (Sum, Average, Min, Max, DistinctCount) if self._random.random() < 0.5]
        with ExitStack() as stack:
            for kind in kinds:
                stack.enter_context(patch.object(kind, "recompute_up_to", 1))
            self._run()

    def _run(self) -> None:
        steps = (self._evaluate, self._evaluate, self._evaluate, self._add, self._commit, self._commit, self._commit)
        rare = (self._rollback, self._reload, self._restore, self._rebuild, self._change_rules, self._evaluate_and_undo)
        for _ in range(self._random.randint(1, 12)):
            self._random.choice(steps if self._random.random() < 0.7 else rare)()
        self._commit()
        self._evaluate()
        self._seen["streams"] += 1

    def _batch(self) -> tuple[list[Row], np.ndarray | None, list[int]]:
        edges = [0, self._lateness]
        for window in self._wheres:
            edges += [window.over_ms, window.over_ms + self._lateness]
        newest = self._expected.watermark_ms
        count = self._random.choice([0, 1, 2, 5, 12, 12, 40])
        newest = self._start if newest is None else newest
        rows = random_rows(self._random, self._habits, count, newest=newest, edges=edges, number=len(self._history))
        times = [row["created_at"] for row in rows]
        if self._random.random() < 0.7:
            return rows, None, times
        clocks = [time - self._random.choice([0, 0, 0, 1, 30]) for time in times]
        return rows, np.array(clocks, dtype=np.int64), clocks

    def _evaluate(self) -> None:
        rows, clock, clocks = self._batch()
        before = self._expected.watermark_ms
        some = [each for each in self._aggregations() if each.rule is None and self._random.random() < 0.3]
        fired, late = self._expected.take(rows, clocks, self._wheres, self._rules, aggregations=some)
        evaluation = self._engine.evaluate(columns_of(rows), len(rows), self._rules, clock=clock, aggregations=some)
        self._compare(evaluation, fired, late)
        self._count(rows, before, fired, late)
        self._history += zip(rows, clocks, strict=True)

    def _count(self, rows: Sequence[Row], before: int | None, fired: Sequence[Fired], late: int) -> None:
        times = [*([] if before is None else [before]), *(row["created_at"] for row in rows)]
        self._seen["rows"] += len(rows)
        self._seen["values"] += sum(map(len, self._expected.values))
        self._seen["firings"] += len(fired)
        self._seen["late"] += late
        self._seen["out of order"] += sum(time < max(times[:index]) for index, time in enumerate(times) if index)
        self._seen["suppressed"] += sum(match.suppressed is None for match in fired)
        self._seen["told of"] += sum(match.suppressed or 0 for match in fired)
        self._seen["contributors"] += sum(len(match.contributors) for match in fired)

    def _compare(self, evaluation: Evaluation, fired: Sequence[Fired], late: int) -> None:
        got = [
            Fired(match.row, match.rule.name, match.key, dict(match.aggregates), match.contributors, match.suppressed)
            for match in evaluation.matches
        ]
        assert got == fired
        assert [[as_number(value) for value in values] for values in evaluation.values] == self._expected.values
        assert evaluation.late == late
        assert self._engine.watermark_ms == self._expected.watermark_ms

    def _add(self) -> None:
        rows, clock, clocks = self._batch()
        self._expected.take(rows, clocks, self._wheres)
        self._engine.add(columns_of(rows), len(rows), clock=clock)
        self._history += zip(rows, clocks, strict=True)

    def _commit(self) -> None:
        self._engine.commit()
        self._committed = self._expected.copy()
        self._committed_rows = len(self._history)

    def _rollback(self) -> None:
        self._engine.rollback()
        self._expected = self._committed.copy()
        del self._history[self._committed_rows :]
        self._seen["rollbacks"] += 1

    def _evaluate_and_undo(self) -> None:
        self._commit()
        before = self._engine.dump()
        for _ in range(self._random.randint(1, 2)):
            self._evaluate()
        self._rollback()
        assert self._engine.dump() == before

    def _reload(self) -> None:
        self._commit()
        dumped = self._engine.dump()
        self._engine = WindowState.load(dumped)
        assert self._engine.dump() == dumped
        assert self._engine.require(self._aggregations()) == []
        self._seen["reloads"] += 1

    def _restore(self) -> None:
        """Restart: take over the written entries, which stay packed until they are needed."""
        self._commit()
        self._engine.record()
        walk, builder = self._engine.walk(), StateBuilder()
        while not walk.ends_at(walk.cursor):
            parts, walk.cursor = self._engine.slice(walk, 10)
            for part in parts:
                builder.add(part.encoded())
        settings = {"lateness_ms": self._lateness, "contributors": self._bound}
        with patch.object(changes, "PACK_FROM", 0):
            self._engine = WindowState.of_entries(self._engine.head, builder, self._aggregations(), **settings)
        self._seen["restores"] += 1

    def _rebuild(self) -> None:
        """Restart: read from as far back as the longest window needs, and go on."""
        self._commit()
        longest = longest_reach(self._rules)
        first = 0
        if self._expected.watermark_ms is not None:
            gone = self._expected.watermark_ms - max(longest, 1) - self._lateness
            while first < len(self._history) and self._last(self._history[first]) <= gone:
                first += 1
        self._engine = WindowState(lateness_ms=self._lateness, contributors=self._bound)
        self._engine.require(self._aggregations())
        self._expected = Recomputed(self._lateness, self._bound)
        self._expected.require(self._aggregations())
        self._expected.take([row for row, _ in self._history], [c for _, c in self._history], self._wheres)
        while first < len(self._history):
            part = self._history[first : first + self._random.randint(1, 20)]
            clock = np.array([clock for _, clock in part], dtype=np.int64)
            self._engine.add(columns_of([row for row, _ in part]), len(part), clock=clock)
            first += len(part)
            if self._random.random() < 0.5:
                self._engine.commit()
        self._commit()
        self._seen["rebuilds"] += 1

    @staticmethod
    def _last(read: tuple[Row, int]) -> int:
        return max(int(read[0]["created_at"]), read[1])

    def _aggregations(self) -> list[Aggregation]:
        return list(requirements_of(self._rules, self._lateness).aggregations)

    def _fill(self, missing: Sequence[Window]) -> None:
        """Fill windows that are new; matches are those of a recomputation that had all windows from the beginning."""
        rows, clocks = [row for row, _ in self._history], [clock for _, clock in self._history]
        self._expected.take(rows, clocks, self._wheres, only=missing)
        whole = Recomputed(self._lateness, self._bound)
        whole.require(self._aggregations())
        whole.take(rows, clocks, self._wheres)
        self._expected.read |= {window: whole.read[window] for window in missing if window.measure is Measure.MATCHES}
        first = 0
        while first < len(rows):
            last = first + self._random.randint(1, 40)
            part, clock = rows[first:last], np.array(clocks[first:last], dtype=np.int64)
            if self._random.random() < 0.1:
                self._engine.add(columns_of(part), len(part), clock=clock, only=missing)
                self._engine.rollback()
            self._engine.add(columns_of(part), len(part), clock=clock, only=missing)
            self._engine.commit()
            first = last

    def _change_rules(self) -> None:
        """Change the rules between two batches: windows go, others come and are rebuilt or begin empty."""
        self._commit()
        remaining = self._random.sample(self._rules, self._random.randint(0, len(self._rules)))
        new = [replace(rule, name=f"{rule.name}_{len(self._history)}") for rule in random_rules(self._random)]
        self._rules = (*remaining, *new)
        windows = {aggregation.window: aggregation.where for aggregation in self._aggregations()}
        self._engine.retain(windows)
        self._expected.retain(windows)
        missing = [window for window in windows if window not in self._expected.read]
        assert self._engine.require(self._aggregations()) == missing
        self._expected.require(self._aggregations())
        self._wheres = windows
        if missing and self._history and self._random.random() < 0.7:
            self._fill(missing)
        self._commit()
        self._seen["changes of rules"] += 1
