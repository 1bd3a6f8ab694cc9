"""Which rule runs where, and when a topic forgets too soon."""

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
    assert [[one.name for one in stage.rules] for stage in topology.stages] == [
        ["simple", "receiver", "pair"],
        ["payer"],
    ]
    assert (topology.after(0), topology.after(1)) == (1, None)


def test_without_rules_for_it_there_is_no_further_stage() -> None:
    assert planned(rule("simple"), rule("receiver", ("target",))).after(0) is None


def test_a_rule_runs_where_all_of_its_windows_can_be_kept() -> None:
    topology = planned(rule("both", ("target", "source"), ("source",)))
    assert [len(stage.rules) for stage in topology.stages] == [0, 1]


@pytest.mark.parametrize("keys", [[("currency",)], [("target",), ("source",)]])
def test_a_rule_without_a_stage_is_refused(keys: list[tuple[str, ...]]) -> None:
    with pytest.raises(ContractError, match=r"^rules\.toml:3: rule odd is kept by .*target, source.*STAGE_TOPICS"):
        planned(rule("odd", *keys))


def test_a_topic_that_forgets_too_soon_is_refused() -> None:
    topology = planned(rule("short", ("source",)), rule("long", ("source",), over_ms=24 * HOUR))
    require_retention(topology, {"by-source": 25 * HOUR, "input": 1}, HOUR)
    require_retention(topology, {"by-source": -1}, HOUR)
    with pytest.raises(
        ContractError, match=r"^rules\.toml:3: rule long looks back 24 h, and topic by-source is kept for 24 h"
    ):
        require_retention(topology, {"by-source": 24 * HOUR}, HOUR)
