"""The recomputation that verdicts of all contenders are compared with is the engine's."""

from benchmarks.rules_work import ids_of, rules_work
from benchmarks.window_traffic import default_rules, state_for
from services.contracts import ColumnDecoder, load_contracts


def test_the_recomputation_matches_what_the_engine_matches() -> None:
    work = rules_work(20_000, schema_id=1)
    assert set(work.by_rule) == {rule.name for rule in default_rules()}
    schema = load_contracts().topic("queueing.transactions").required_schema.json
    fields = ["id", "source", "target", "amount", "currency", "created_at"]
    columns = ColumnDecoder(schema, schema, fields).decode(work.values).columns
    windowed = [rule for rule in default_rules() if rule.aggregations]
    evaluation = state_for(windowed).evaluate(columns, len(work), windowed, clock=columns["created_at"])
    matched = {row for of_rule in evaluation.by_rule for row in of_rule.rows.tolist()}
    large = {row for row, cents in enumerate(columns["amount"].tolist()) if cents >= 90_000}
    assert {columns["id"][row] for row in matched | large} == work.suspicious
    assert sum(len(of_rule.rows) for of_rule in evaluation.by_rule) == sum(work.by_rule.values()) - len(large)


def test_ids_are_read_from_the_messages() -> None:
    work = rules_work(500, schema_id=1)
    assert work.suspicious <= set(ids_of(work.values))
    assert len(set(ids_of(work.values))) == 500
