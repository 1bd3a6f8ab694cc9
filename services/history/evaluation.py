"""Evaluation of rules on a history, stage by stage and partition by partition, as the detector does it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.history.blocks import Block, Labels, Truth, TruthCollector
from services.history.stages import Stage
from services.rules.conditions import null_mark
from services.rules.model import EVENT_TIME, ID, LABEL, Aggregation, Columns, Measure, Rule, feature_column, fields_of
from services.rules.numeric_expressions import Numbers
from services.rules.rule_match import AggregateValue, RuleMatches
from services.rules.state_requirements import requirements_of
from services.rules.windows import WindowState
from services.streaming.partitioner import partition_of

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class History:
    """Rule matches on a history. Rows are numbered in the order of the log, those not counted left out.

    Attributes:
        rules: In the order of `fired`.
        fired: For each rule the rows on which it fired, ascending.
        alerts: For each rule the number of these for which the detector writes an alert.
        created_at: The event time of each row, in milliseconds since 1970.
        truth: None where it is unknown.
        late: Number of transactions that were later than the allowed lateness, summed over the stages.
        warm_up: Number of transactions that were read only to fill the windows.
        seconds: Time of evaluation; making or reading the transactions is left out.
    """

    rules: tuple[Rule, ...]
    fired: tuple[Rows, ...]
    alerts: tuple[int, ...]
    created_at: NDArray[np.int64]
    truth: Truth | None
    late: int
    warm_up: int
    seconds: float

    def __len__(self) -> int:
        return len(self.created_at)

    @property
    def unknown(self) -> int:
        """Number of transactions of which the truth is not known yet."""
        if self.truth is None or self.truth.known is None:
            return 0
        return len(self) - int(self.truth.known.sum())

    def of_known_truth(self) -> "History":
        """Return the part whose truth is known: all were evaluated, and these can be compared with it."""
        if self.truth is None or self.truth.known is None:
            return self
        known = self.truth.known
        place = np.cumsum(known) - 1
        truth = self.truth
        return replace(
            self,
            fired=tuple(place[rows[known[rows]]] for rows in self.fired),
            created_at=self.created_at[known],
            truth=Truth(truth.fraud[known], truth.scenario[known], truth.incident[known], truth.scenarios),
        )

    @property
    def span_ms(self) -> int:
        """The event time from the first to the last transaction, in milliseconds."""
        return int(self.created_at.max() - self.created_at.min()) if len(self) else 0


Watch = Callable[[Block, Sequence[RuleMatches]], None]
"""Callback for each block: it takes the matches of all its rows, counted or not; by rule and partition."""

WatchFeatures = Callable[[Block, Mapping[str, Numbers]], None]
"""Callback for each block: it takes the features of all its rows by name, those of the first rules file."""

WatchVerdicts = Callable[
    [
        Block,
        Sequence[RuleMatches],
        Mapping[str, Numbers],
        Mapping[tuple[str, Aggregation], Sequence[AggregateValue]],
    ],
    None,
]
"""Callback for each block: matches, features, and the result of each row by rule and aggregation."""


def evaluate_history(
    blocks: Iterable[Block],
    stages: Sequence[Stage],
    *,
    lateness_ms: int,
    watch: Watch | None = None,
    watch_features: WatchFeatures | None = None,
    watch_verdicts: WatchVerdicts | None = None,
) -> History:
    """Evaluate the rules on transactions in the order of the log.

    Every stage sees all transactions in this order. In a running system the order in which the partitions of one stage
    come together in the next depends on who is faster; the verdicts of further stages can differ by that.

    Args:
        blocks: The transactions; either all have labels or none has.
        stages: The rules, by their stage.
        lateness_ms: Allowed lateness of a transaction behind the watermark of its partition.
        watch: Takes the matches of each block.
        watch_features: Takes the features of each block.
        watch_verdicts: Takes all that is known of each block, aggregates of every row among it.
    """
    rules = tuple(rule for stage in stages for rule in stage.rules)
    with_aggregates = watch_verdicts is not None
    evaluators = [
        _StageEvaluator(stage, lateness_ms, with_aggregates=with_aggregates)
        for stage in stages
        if stage.rules or stage.features
    ]
    number = {id(rule): index for index, rule in enumerate(rules)}
    fired: list[list[Rows]] = [[] for _ in rules]
    alerts = [0 for _ in rules]
    times: list[NDArray[np.int64]] = []
    collector: TruthCollector | None = None
    done = warm_up = late = 0
    seconds = 0.0
    for block in blocks:
        begun = time.perf_counter()
        matches: list[RuleMatches] = []
        features: dict[int, dict[str, Numbers]] = {}
        for evaluator in evaluators:
            known = features.setdefault(evaluator.stage.file, {})
            some_matches, some_late = evaluator.evaluate(block, known)
            late += some_late
            matches += some_matches
        seconds += time.perf_counter() - begun
        counted = np.arange(block.rows) if block.counted is None else np.flatnonzero(block.counted)
        warm_up += block.rows - len(counted)
        place = np.full(block.rows, -1, np.int64)
        place[counted] = np.arange(done, done + len(counted))
        for of_rule in matches:
            places = place[of_rule.rows]
            index = number[id(of_rule.rule)]
            fired[index].append(places[places >= 0])
            if of_rule.rule.writes_alerts:
                alerts[index] += int(np.count_nonzero(places[list(of_rule.alerts)] >= 0))
        times.append(np.asarray(block.columns[EVENT_TIME], np.int64)[counted])
        if block.labels is not None:
            collector = collector or TruthCollector()
            collector.add(block.labels.at(counted))
        done += len(counted)
        if watch is not None:
            watch(block, matches)
        if watch_features is not None:
            watch_features(block, features.get(0, {}))
        if watch_verdicts is not None:
            aggregates = {name: values for each in evaluators for name, values in each.aggregates.items()}
            watch_verdicts(block, matches, features.get(0, {}), aggregates)
    return History(
        rules,
        tuple(np.sort(np.concatenate([np.zeros(0, np.int64), *rows])) for rows in fired),
        tuple(alerts),
        np.concatenate([np.zeros(0, np.int64), *times]),
        collector.truth() if collector else None,
        late,
        warm_up,
        seconds,
    )


class _StageEvaluator:
    """One stage: the windows of each partition of its topic.

    Args:
        stage: The stage.
        lateness_ms: Allowed lateness.
        with_aggregates: Whether the result of every row is kept.

    Attributes:
        aggregates: By rule and aggregation the result of each row of the last block.
    """

    def __init__(self, stage: Stage, lateness_ms: int, *, with_aggregates: bool = False) -> None:
        self.stage = stage
        self.aggregates: dict[tuple[str, Aggregation], list[AggregateValue]] = {}
        self._aggregations = [
            (rule.name, aggregation)
            for rule in stage.rules
            for aggregation in rule.aggregations
            if with_aggregates and aggregation.window.measure is not Measure.MATCHES
        ]
        fields = {*fields_of(stage.rules), ID, EVENT_TIME}.union(*(feature.fields for feature in stage.features))
        self._needed = fields | {null_mark(field) for field in fields}
        self._states = [WindowState(lateness_ms=lateness_ms, contributors=0) for _ in range(stage.partitions)]
        for state in self._states:
            state.require(requirements_of(stage.rules, lateness_ms, stage.features).aggregations)

    def evaluate(self, block: Block, known: dict[str, Numbers]) -> tuple[list[RuleMatches], int]:
        """Rule matches of a block, by partition and rule, and the number of late rows.

        Args:
            block: The block.
            known: The features of stages before; those of this stage are added.
        """
        matches: list[RuleMatches] = []
        late = 0
        computed = {feature.name: np.full(block.rows, np.nan) for feature in self.stage.features}
        self.aggregates = {name: [None] * block.rows for name in self._aggregations}
        own = {name: column for name, column in block.columns.items() if name in self._needed}
        own |= {feature_column(name): column for name, column in known.items() if name not in computed}
        for number, rows in self._by_partition(block):
            state = self._states[number]
            columns = {name: column[rows] for name, column in own.items()}
            clock = None if block.clock is None else block.clock[rows]
            if state.has_label_windows and block.labels is not None:
                _add_labels(state, columns, block.labels.at(rows))
            evaluation = state.evaluate(
                columns,
                len(rows),
                self.stage.rules,
                clock=clock,
                aggregations=[aggregation for _, aggregation in self._aggregations],
                features=self.stage.features,
            )
            for aggregation, results in zip(self._aggregations, evaluation.values, strict=True):
                of_rows = self.aggregates[aggregation]
                for row, result in zip(rows.tolist(), results, strict=True):
                    of_rows[row] = result
            state.commit()
            late += evaluation.late
            matches += [of_rule.in_batch(rows) for of_rule in evaluation.by_rule]
            for name, values in evaluation.features.items():
                computed[name][rows] = values
        known.update(computed)
        return matches, late

    def _by_partition(self, block: Block) -> Iterator[tuple[int, Rows]]:
        """The rows of each partition, in the order of the log."""
        if self.stage.is_first and block.partition is not None:
            partition = block.partition
        else:
            partition = partition_of(block.columns[self.stage.field], self.stage.partitions)
        order = np.argsort(partition, kind="stable")
        ends = np.cumsum(np.bincount(partition, minlength=self.stage.partitions))
        for number, rows in enumerate(np.split(order, ends[:-1])):
            if len(rows):
                yield number, rows


def _add_labels(state: WindowState, columns: Columns, labels: Labels) -> None:
    """Add the labels of some transactions: none of them counts before the windows' delay after its transaction."""
    there = np.ones(len(labels.fraud), np.bool_) if labels.known is None else labels.known
    rows = np.flatnonzero(there if labels.arrived is None else labels.arrived >= 0)
    own = {name: column[rows] for name, column in columns.items()} | {LABEL: labels.fraud[rows]}
    arrived = own[EVENT_TIME] if labels.arrived is None else labels.arrived[rows]
    state.add_labels(own, len(rows), arrived)
