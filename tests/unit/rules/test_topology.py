"""Stage of each rule, and warnings of a topic that forgets too soon."""

from dataclasses import replace

import pytest

from services.errors import ContractError
from services.rules.model import Aggregation, Measure, Mode, Rule, RuleSet, Severity, Window
from services.rules.topology import Topology, build_topology, require_retention

TOPICS = {"target": "input", "source": "by-source"}
HOUR = 3_600_000


def rule(name: str, *keys: tuple[str, ...], over_ms: int = HOUR) -> Rule:
    aggregations = tuple(Aggregation(f"f{n}", Window(Measure.COUNT, None, by, over_ms)) for n, by in enumerate(keys))
    return Rule(name, Severity.LOW, "", Mode.LIVE, None, aggregations, name, line=3)


def planned(*rules: Rule) -> Topology:
    return build_topology(RuleSet(rules, "v", "rules.toml"), TOPICS)


def test_rules_run_where_their_key_meets() -> None:
    topology = planned(
        rule("simple"),
        rule("receiver", ("target", "amount")),
        rule("payer", ("source",)),
        rule("pair", ("source", "target")),
    )
    names = [[rule.name for rule in stage.rules] for stage in topology.stages]
    assert names == [["simple", "receiver", "pair"], ["payer"]]
    first, last = topology.stages
    assert (first.next, last.next) == (last, None)
    assert (first.is_first, last.is_first) == (True, False)
    assert topology.stage_of("by-source") == last


def test_without_rules_for_it_there_is_no_further_stage() -> None:
    first, last = planned(rule("simple"), rule("receiver", ("target",))).stages
    assert (first.next, last.next, last.rules) == (None, None, ())


def test_a_stage_without_rules_is_left_out() -> None:
    topics = {"target": "input", "source": "by-source", "currency": "by-currency"}
    first, middle, last = build_topology(RuleSet((rule("money", ("currency",)),), "v", "rules.toml"), topics).stages
    assert first.next == middle.next == last


@pytest.mark.parametrize(
    ("first_field", "keys", "fields"),
    [
        ("target", [("source",)], ["source", "target"]),  # repartitioned by source, then keyed as the input again
        ("target", [], [None, "target"]),  # the input keeps its keys
        ("", [("target",)], ["target", "target"]),  # an input that is keyed by no field
        ("", [], ["target", "target"]),
    ],
)
def test_transactions_are_keyed_by_the_next_stages_field(
    first_field: str, keys: list[tuple[str, ...]], fields: list[str | None]
) -> None:
    topics = {first_field: "input"} | ({"target": "by-target"} if not first_field else {"source": "by-source"})
    rules = tuple(rule(f"r{n}", key) for n, key in enumerate(keys))
    topology = build_topology(RuleSet((rule("simple"), *rules), "v", "rules.toml"), topics)
    assert [stage.repartition_field for stage in topology.stages] == fields


def test_a_stage_names_the_live_rules_before_it() -> None:
    shadow = replace(rule("shadow"), mode=Mode.SHADOW)
    topology = planned(rule("simple"), shadow, rule("payer", ("source",)))
    assert [stage.live_before for stage in topology.stages] == [frozenset(), {"simple"}]
    assert topology.live == {"simple", "payer"}


def test_a_rule_runs_on_the_stage_that_all_its_windows_share() -> None:
    topology = planned(rule("both", ("target", "source"), ("source",)))
    assert [len(stage.rules) for stage in topology.stages] == [0, 1]


@pytest.mark.parametrize("keys", [[("currency",)], [("target",), ("source",)]])
def test_a_rule_without_a_stage_is_refused(keys: list[tuple[str, ...]]) -> None:
    with pytest.raises(
        ContractError, match=r"^rules\.toml:3: rule odd is keyed by .*target, source.*REPARTITION_TOPICS"
    ):
        planned(rule("odd", *keys))


def test_a_retention_shorter_than_a_window_is_an_error() -> None:
    topology = planned(rule("short", ("source",)), rule("long", ("source",), over_ms=24 * HOUR))
    require_retention(topology, {"by-source": 25 * HOUR, "input": 1}, HOUR)
    require_retention(topology, {"by-source": -1}, HOUR)
    with pytest.raises(
        ContractError, match=r"^rules\.toml:3: rule long looks back 24 h, and topic by-source is kept for 24 h"
    ):
        require_retention(topology, {"by-source": 24 * HOUR}, HOUR)
