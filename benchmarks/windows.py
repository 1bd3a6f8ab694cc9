"""Cost of windows, without Kafka: ``python -m benchmarks.windows``.

Prints microseconds and rows a second for each measure and for the rules of the detector, what rebuilding and a key that
takes all traffic cost, bytes for an entry as `tracemalloc` counts them, and the cost of a message as rules grow. Times
are processor time of one thread; each is the best of some runs.
"""

import argparse
import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from benchmarks.window_traffic import (
    DAY_MS,
    HOUR_MS,
    LATENESS_MS,
    NEVER,
    RULES,
    aggregation,
    batches,
    default_rules,
    rule,
    state_for,
    traffic,
)
from services.contracts import load_contracts
from services.rules.features import Feature, FeatureSet
from services.rules.loading import constants_of, parse_rules
from services.rules.model import Aggregation, Columns, Mode, Rule
from services.rules.windows import WindowState


@dataclass
class Evaluation:
    """Cost of evaluating all of some traffic."""

    seconds: float
    matches: int
    state: WindowState


def evaluate(columns: Columns, rules: Sequence[Rule], *, rollback: bool = False) -> Evaluation:
    """Evaluate and commit batch after batch; with `rollback` evaluate each twice and undo the first."""
    state = state_for(rules)
    matches = 0
    began = time.process_time()
    for batch, rows in batches(columns):
        if rollback:
            state.evaluate(batch, rows, rules)
            state.rollback()
        matches += sum(map(len, state.evaluate(batch, rows, rules).by_rule))
        state.commit()
    return Evaluation(time.process_time() - began, matches, state)


def seconds(columns: Columns, rules: Sequence[Rule]) -> float:
    return evaluate(columns, rules).seconds


def rebuild(columns: Columns, rules: Sequence[Rule]) -> float:
    state = state_for(rules)
    began = time.process_time()
    for batch, rows in batches(columns):
        state.add(batch, rows)
        state.commit()
    return time.process_time() - began


def best(runs: int, measure: Callable[[], float]) -> float:
    costs = []
    for _ in range(runs):
        gc.collect()
        costs.append(measure())
    return min(costs)


def line(name: str, rows: int, seconds: float, note: str = "") -> None:
    print(f"| {name} | {seconds / rows * 1e6:.2f} | {rows / seconds / 1000:,.0f} | {note} |", flush=True)


def head(*titles: str) -> None:
    print("\n| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles), flush=True)


def measures(rows: int, runs: int) -> None:
    """Each measure on its own: where hardly a row comes near the limit, and where each row needs the result."""
    columns = traffic(rows, accounts=10_000, span_ms=10 * HOUR_MS)
    head("measure by source over 1 h", "us a row", "thousand rows/s", "")
    for measure in ("count", "distinct target", "inactivity"):
        rules = (
            rule(
                "far", aggregation(measure, at_least=Fraction(40) if measure != "inactivity" else Fraction(HOUR_MS - 1))
            ),
        )
        cost = best(runs, partial(seconds, columns, rules))
        line(f"{measure}, a limit that is far", rows, cost)
    for measure in (
        "count",
        "sum amount",
        "average amount",
        "min amount",
        "max amount",
        "distinct target",
        "inactivity",
    ):
        rules = (rule("always", aggregation(measure, at_most=Fraction(-1))),)
        cost = best(runs, partial(seconds, columns, rules))
        line(f"{measure}, taken for each row", rows, cost)


def values(rows: int, runs: int) -> None:
    """The result of each aggregate for every row, each on its own and all six at once."""
    columns = traffic(rows, accounts=10_000, span_ms=10 * HOUR_MS)
    six = [
        aggregation(measure)
        for measure in ("count", "sum amount", "average amount", "min amount", "max amount", "distinct target")
    ]
    head("values of every row, 10,000 rows a batch", "us a row and aggregate", "thousand rows/s", "")
    for some in (*([each] for each in six), six):
        cost = best(runs, partial(value_seconds, columns, some))
        name = some[0].name.rsplit(" ", 1)[0] if len(some) == 1 else "all six"
        print(f"| {name} | {cost / rows / len(some) * 1e6:.2f} | {rows / cost / 1000:,.0f} | |", flush=True)


def value_seconds(columns: Columns, aggregations: Sequence[Aggregation]) -> float:
    state = WindowState(lateness_ms=LATENESS_MS)
    state.require(aggregations)
    began = time.process_time()
    for batch, rows in batches(columns, 10_000):
        state.evaluate(batch, rows, (), aggregations=aggregations)
        state.commit()
    return time.process_time() - began


def defaults(rows: int, runs: int) -> None:
    rules = default_rules()
    head("the detector's rules", "us a row", "thousand rows/s", "")
    for name, span in (("24 h", DAY_MS), ("1,000 s", rows)):
        columns = traffic(rows, accounts=10_000, span_ms=span)
        evaluation = min((evaluate(columns, rules) for _ in range(runs)), key=lambda run: run.seconds)
        line(f"{rows:,} rows in {name}, 10,000 accounts", rows, evaluation.seconds, f"{evaluation.matches:,} matches")
        without = [rule for rule in rules if rule.aggregations]
        evaluation = min((evaluate(columns, without) for _ in range(runs)), key=lambda run: run.seconds)
        line("the same without large-amount", rows, evaluation.seconds, f"{evaluation.matches:,} matches")
    line("rebuilt (add)", rows, best(runs, lambda: rebuild(columns, rules)), f"{evaluation.state.entries:,} entries")


FEATURES = """
[features]
amount = "amount"
hour = "hour(created_at)"
s_avg = { measure = "average amount", by = ["source"], over = "1h", past = true }
s_count = { measure = "count", by = ["source"], over = "1h" }
s_most = { measure = "max amount", by = ["source"], over = "1h" }
s_targets = { measure = "distinct target", by = ["source"], over = "1h" }
s_pause = { measure = "inactivity", by = ["source"], over = "72h" }
pair = { measure = "inactivity", by = ["source", "target"], over = "1h" }
ratio = "amount / s_avg"
t_count = { measure = "count", by = ["target"], over = "1h" }
"""


def features(rows: int, runs: int) -> None:
    """The detector's rules alone, and with ten features of every row beside them."""
    rules = default_rules()
    schema = load_contracts().topic("queueing.transactions").required_schema
    declared = parse_rules(FEATURES + RULES.read_text(), "rules.toml", schema, constants_of()).features or FeatureSet()
    columns = traffic(rows, accounts=10_000, span_ms=10 * HOUR_MS)
    expressions = declared.select(["amount", "hour"]).ordered
    head("features of every row, 10,000 rows a batch", "us a row", "thousand rows/s", "")
    alone = 0.0
    for name, some in (
        ("the five rules", ()),
        ("with two expressions", expressions),
        ("with ten features", declared.ordered),
    ):
        cost = best(runs, partial(feature_seconds, columns, rules, some))
        alone = alone or cost
        line(name, rows, cost, f"{cost / alone:.2f}x")


def feature_seconds(columns: Columns, rules: Sequence[Rule], some: Sequence[Feature]) -> float:
    state = state_for(rules)
    state.require(feature.aggregation for feature in some if feature.aggregation)
    began = time.process_time()
    for batch, rows in batches(columns, 10_000):
        state.evaluate(batch, rows, rules, features=some)
        state.commit()
    return time.process_time() - began


def matching(rows: int, runs: int) -> None:
    """The cost of frequent matches: only counted, or written as alerts with their contributors."""
    columns = traffic(rows, accounts=10_000, span_ms=30 * DAY_MS)
    quarter = Fraction(rows // 10_000 * 50_000, 4)  # of what an account pays in all
    broad = rule("broad", aggregation("sum amount", over_ms=30 * DAY_MS, at_least=quarter))
    head("sum amount over 30 d", "us a row", "thousand rows/s", "")
    costs = {}
    for name, rules in (
        ("no row matches", rule("broad", aggregation("sum amount", over_ms=30 * DAY_MS, at_least=NEVER))),
        ("three of four match, in shadow", replace(broad, mode=Mode.SHADOW)),
        ("the same, live with alert = false", replace(broad, alert=False)),
        ("the same, live: each with its contributors", broad),
    ):
        evaluation = min((evaluate(columns, [rules]) for _ in range(runs)), key=lambda run: run.seconds)
        costs[name] = evaluation.seconds
        ratio = evaluation.seconds / costs["no row matches"]
        line(name, rows, evaluation.seconds, f"{evaluation.matches:,} matches, {ratio:.2f}x")


def rebuilding(rows: int, runs: int) -> None:
    head("rebuilding", "us an entry", "thousand entries/s", "")
    for name, accounts in (("10,000 keys", 10_000), ("a key for each", rows)):
        columns = traffic(rows, accounts=accounts, span_ms=DAY_MS // 2)
        rules = (rule("single", aggregation("count", over_ms=DAY_MS, at_least=NEVER)),)
        line(f"{rows:,} entries, {name}", rows, best(runs, partial(rebuild, columns, rules)))


def hot_key(rows: int) -> None:
    """One account takes all traffic, and nothing leaves the windows: cost must not grow with what they hold."""
    head("all on one key", "us a row", "thousand rows/s", "")
    every = ("count", "sum amount", "min amount", "distinct target", "inactivity")
    for measure in every:
        rules = (rule("hot", aggregation(measure, over_ms=DAY_MS, at_most=Fraction(-1))),)
        for count in (rows // 4, rows):
            for disorder in (0, 1000):
                columns = traffic(count, accounts=1, span_ms=count, disorder_ms=disorder)
                note = f"up to {disorder} rows out of order" if disorder else "in order"
                line(f"{measure}, {count:,} rows", count, evaluate(columns, rules).seconds, note)
        columns = traffic(rows, accounts=1, span_ms=rows)
        line(
            f"{measure}, {rows:,} rows", rows, evaluate(columns, rules, rollback=True).seconds, "each batch undone once"
        )
        short = (rule("hot", aggregation(measure, over_ms=rows // 10, at_most=Fraction(-1))),)
        line(f"{measure}, {rows:,} rows", rows, evaluate(columns, short).seconds, "of which a tenth is in the window")


def memory(rows: int) -> None:
    """Bytes for each entry, beside what the state itself says."""
    head("memory", "entries", "bytes an entry", "the state's own estimate")
    single = rule("single", aggregation("count", over_ms=DAY_MS))
    shared = [
        aggregation("count", over_ms=DAY_MS),
        aggregation("sum amount", over_ms=DAY_MS),
        aggregation("inactivity", over_ms=DAY_MS),
    ]
    four = rule("four", *shared, aggregation("distinct source", ("target",), over_ms=DAY_MS))
    for name, accounts, rules, taken in (
        ("one window, 1,000 keys", 1000, single, False),
        ("one window, a key for each", rows, single, False),
        ("four windows that share, 1,000 keys", 1000, four, False),
        ("four windows that share, a key for each", rows, four, False),
        ("the same with 1,000 keys, after all results were taken", 1000, four, True),
    ):
        gc.collect()
        tracemalloc.start()
        columns = traffic(rows, accounts=accounts, span_ms=DAY_MS // 2)
        before = tracemalloc.get_traced_memory()[0]
        state = state_for([rules])
        for batch, count in batches(columns):
            state.evaluate(batch, count, [rules] if taken else ())
            state.commit()
        size = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        entries = state.entries
        print(f"| {name} | {entries:,} | {size / entries:.0f} | {state.bytes / entries:.0f} |", flush=True)


def growing(rows: int, runs: int) -> None:
    """The cost of a message as rules grow, each with a window: its own, or one of five that all share."""
    columns = traffic(rows, accounts=10_000, span_ms=HOUR_MS)
    head("rules", "us a message, windows of their own", "us a message, five windows in all")
    for count in (1, 2, 5, 10, 20, 50):
        own = [rule(f"own_{n}", aggregation("count", over_ms=60_000 * (n + 1), at_least=NEVER)) for n in range(count)]
        shared = [
            rule(f"own_{n}", aggregation("count", over_ms=60_000 * (n % 5 + 1), at_least=NEVER)) for n in range(count)
        ]
        first, second = (best(runs, partial(seconds, columns, rules)) / rows * 1e6 for rules in (own, shared))
        print(f"| {count} | {first:.2f} | {second:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--only",
        choices=("measures", "values", "defaults", "features", "matching", "rebuilding", "hot", "memory", "growing"),
    )
    options = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "measures": lambda: measures(options.rows, options.runs),
        "values": lambda: values(options.rows, options.runs),
        "defaults": lambda: defaults(options.rows, options.runs),
        "features": lambda: features(options.rows, options.runs),
        "matching": lambda: matching(options.rows, options.runs),
        "rebuilding": lambda: rebuilding(options.rows, options.runs),
        "hot": lambda: hot_key(options.rows // 4),
        "memory": lambda: memory(options.rows),
        "growing": lambda: growing(options.rows // 10, options.runs),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            part()


if __name__ == "__main__":
    main()
