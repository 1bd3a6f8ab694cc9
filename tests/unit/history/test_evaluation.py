from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from services.contracts import load_contracts
from services.history import Block, History, evaluate_history
from services.history.stages import stages_of
from services.rules.loading import constants_of, parse_rules
from services.rules.model import RuleSet
from services.rules.rule_match import RuleMatches
from services.rules.windows import WindowState
from services.streaming.partitioner import partition_of
from tools.history.generated_input import StreamInput, StreamSettings

RULES = """
[rules.large]
severity = "low"
when = "amount >= 700"
reason = "{amount}"

[rules.busy-target]
severity = "high"
reason = "{payments}"
windows.payments = { measure = "count", by = ["target"], over = "2h", at_least = 3 }

[rules.busy-source]
severity = "high"
reason = "{payments}"
windows.payments = { measure = "count", by = ["source"], over = "2h", at_least = 3 }
"""
LATENESS = 60_000
STREAM = StreamInput(StreamSettings(seed=3, transactions=4000, accounts=300, rate=0.2), 4)


def rules() -> RuleSet:
    schema = load_contracts().topic("queueing.transactions").required_schema
    return parse_rules(RULES, "rules.toml", schema, constants_of())


def judged(blocks: Iterator[Block], partitions: int = 4) -> History:
    return evaluate_history(blocks, stages_of(rules(), partitions=partitions), lateness_ms=LATENESS)


def fired(history: History) -> dict[str, list[int]]:
    return {rule.name: rows.tolist() for rule, rows in zip(history.rules, history.fired, strict=True)}


def whole(blocks: Iterator[Block]) -> Block:
    parts = list(blocks)
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    return Block(columns, sum(part.rows for part in parts))


def test_rules_are_judged_in_the_stage_of_their_key() -> None:
    by_key = {stage.field: [rule.name for rule in stage.rules] for stage in stages_of(rules(), partitions=4)}
    assert by_key == {"target": ["large", "busy-target"], "source": ["busy-source"]}


def test_each_partition_of_each_stage_has_windows_of_its_own() -> None:
    block = whole(STREAM.blocks())
    expected = set()
    for stage in stages_of(rules(), partitions=4):
        partition = partition_of(block.columns[stage.field], 4)
        for number in range(4):
            rows = np.flatnonzero(partition == number)
            state = WindowState(lateness_ms=LATENESS)
            state.require(aggregation for rule in stage.rules for aggregation in rule.aggregations)
            columns = {name: column[rows] for name, column in block.columns.items()}
            matches = state.evaluate(columns, len(rows), stage.rules).matches
            expected |= {(match.rule.name, int(rows[match.row])) for match in matches}
    actual = fired(judged(STREAM.blocks()))
    assert {(name, row) for name, rows in actual.items() for row in rows} == expected
    assert all(actual.values())


def test_how_a_history_is_cut_into_blocks_changes_nothing() -> None:
    assert fired(judged(iter([whole(STREAM.blocks())]))) == fired(judged(STREAM.blocks()))


def test_rows_that_only_fill_windows_are_not_reported() -> None:
    block = whole(STREAM.blocks())
    everything = fired(judged(iter([block])))
    counted = np.arange(block.rows) >= 1500
    history = judged(iter([replace(block, counted=counted)]))
    assert (history.warm_up, len(history)) == (1500, 2500)
    assert fired(history) == {name: [row - 1500 for row in rows if row >= 1500] for name, rows in everything.items()}


def test_the_partition_of_a_message_counts_in_the_first_stage_only() -> None:
    block = whole(STREAM.blocks())
    apart = replace(block, partition=np.arange(block.rows) % 4)  # what belongs together is spread over four partitions
    actual, expected = fired(judged(iter([apart]))), fired(judged(iter([block])))
    assert actual["busy-source"] == expected["busy-source"]
    assert len(actual["busy-target"]) < len(expected["busy-target"])


def test_alerts_are_those_that_the_detector_writes() -> None:
    block = whole(STREAM.blocks())
    history = judged(iter([block]))
    assert history.alerts == tuple(len(rows) for rows in history.fired)
    text = RULES.replace('reason = "{payments}"', 'alert_every = "10m"\nreason = "{payments}"')
    text = text.replace("[rules.large]", '[rules.large]\nmode = "shadow"')
    every = parse_rules(text, "rules.toml", load_contracts().topic("queueing.transactions").required_schema, {})
    history = evaluate_history(iter([block]), stages_of(every, partitions=4), lateness_ms=LATENESS)
    intervals = block.columns["created_at"] // 600_000
    for rule, rows, alerts in zip(history.rules, history.fired, history.alerts, strict=True):
        keys = [block.columns[name][rows].tolist() for name in rule.key]
        assert alerts == len(set(zip(*keys, intervals[rows].tolist(), strict=True)) if keys else ())
        assert alerts < len(rows)


def test_the_truth_is_kept_by_number() -> None:
    parts = list(STREAM.blocks())
    truth = judged(iter(parts)).truth
    assert truth is not None
    names = np.concatenate([part.labels.scenario for part in parts if part.labels])
    assert [truth.scenarios[number].encode() if number >= 0 else b"" for number in truth.scenario] == names.tolist()
    assert truth.scenarios == tuple(sorted(truth.scenarios))
    incidents = np.concatenate([part.labels.incident for part in parts if part.labels])
    assert len(np.unique(truth.incident[truth.fraud])) == len(set(incidents[incidents != b""].tolist()))


def test_the_watcher_gets_every_match() -> None:
    reported: list[tuple[int, str]] = []
    before = 0

    def watch(block: Block, matches: Sequence[RuleMatches]) -> None:
        nonlocal before
        reported.extend((before + match.row, match.rule.name) for of_rule in matches for match in of_rule)
        before += block.rows

    history = evaluate_history(STREAM.blocks(), stages_of(rules(), partitions=4), lateness_ms=LATENESS, watch=watch)
    assert {name: sorted(row for row, other in reported if other == name) for name in fired(history)} == fired(history)
