"""The results as text: for a terminal and, fenced, for a document."""

from benchmarks.figures import Spread
from benchmarks.results import Results, Round
from benchmarks.targets import TARGETS
from tools.tables import table_text


def render(results: Results) -> str:
    """All tables of a run."""
    about = results.about
    parts = [f"{name}: {about[name]}" for name in about]
    if results.detectors:
        parts += ["", "Detectors: judging an input that is all there", _speeds(results, results.detectors, "detectors")]
    if results.same_rules:
        title = "Detectors with the five default rules, one partition: each verdict is the recomputation's"
        parts += ["", title, _same_rules(results)]
    if results.generators:
        parts += ["", "Generators: as fast as they can", _speeds(results, results.generators, "generators")]
    if results.latencies:
        parts += [
            "",
            "Latency in ms, from the scheduled time to an independent reader, read committed",
            _latency(results),
        ]
    if results.rules:
        rows = [[f"{int(count)}", f"{cost:.3f}"] for count, cost in results.rules.items()]
        parts += ["", "Judging as rules grow, without Kafka", table_text(["rules", "µs/message"], rows)]
    if results.soak:
        last = results.soak[-1]
        memory = [moment.rss_mb for moment in results.soak]
        spread = f"memory {min(memory):.0f} to {max(memory):.0f} MB, {memory[-1]:.0f} MB at the end"
        parts += ["", f"Soak: {last.messages:,} messages in {last.seconds:.0f} s, {spread}"]
    if targets := _targets(results):
        parts += ["", "Targets", targets]
    parts += [f"skipped: {results.labels[name]}: {reason}" for name, reason in results.skipped.items()]
    return "\n".join(parts)


def _speeds(results: Results, rounds: dict[str, list[Round]], kind: str) -> str:
    rows = []
    for name, measured in rounds.items():
        rate = Spread.of(figures.rate / 1000 for figures in measured)
        vs_tutorial = results.speed_ratio(name, "tutorial", kind)
        vs_c = results.speed_ratio(name, "c", kind)
        rows.append(
            [
                results.labels[f"{kind}.{name}"],
                f"{rate.median:,.0f}" if rate.median >= 100 else f"{rate.median:,.1f}",
                f"{rate.low:,.0f}..{rate.high:,.0f}",
                _factor(vs_tutorial),
                _factor(vs_c),
                f"{Spread.of(figures.cpu_us for figures in measured).median:.2f}",
                f"{Spread.of(figures.broker_us for figures in measured).median:.2f}",
                f"{Spread.of(figures.rss_mb for figures in measured).median:.0f}",
                f"{measured[0].messages:,}",
            ]
        )
    rows.sort(key=lambda row: -float(row[1].replace(",", "")))
    columns = ["", "k/s", "range", "x tutorial", "x C loop", "CPU µs", "broker µs", "MB", "messages"]
    return table_text(columns, rows)


def _same_rules(results: Results) -> str:
    rows = []
    for name, measured in results.same_rules.items():
        rate = Spread.of(figures.rate / 1000 for figures in measured)
        rows.append(
            [
                results.labels[f"same_rules.{name}"],
                f"{rate.median:,.1f}",
                f"{rate.low:,.1f}..{rate.high:,.1f}",
                _factor(results.speed_ratio("ours-rules", name, "same_rules")),
                f"{Spread.of(figures.cpu_us for figures in measured).median:.1f}",
                _factor(results.cost_ratio("ours-rules", name, "same_rules")),
                f"{Spread.of(figures.broker_us for figures in measured).median:.1f}",
                f"{Spread.of(figures.rss_mb for figures in measured).median:.0f}",
                f"{measured[0].messages:,}",
            ]
        )
    rows.sort(key=lambda row: -float(row[1].replace(",", "")))
    columns = ["", "k/s", "range", "ours is x", "CPU µs", "ours per core x", "broker µs", "MB", "messages"]
    return table_text(columns, rows)


def _latency(results: Results) -> str:
    rows = []
    for key, rounds in results.latencies.items():
        name, _, rate = key.partition("@")
        percentiles = [Spread.of(getattr(latency, which) for latency in rounds) for which in ("p50", "p99", "p999")]
        rows.append([results.labels[f"detectors.{name}"], f"{int(rate):,}", *map(_range, percentiles)])
    rows.sort(key=lambda row: (row[1], float(row[3].split()[0])))
    return table_text(["", "per s", "p50", "p99", "p99.9"], rows)


def _targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        spread = target.measured(results)
        if spread is None:
            continue
        reach = f"{'>=' if target.at_least else '<='} {target.reach:g} {target.unit}"
        verdict = "reached" if target.reached(spread.median) else "NOT reached"
        rows.append([target.figure, reach, f"{spread.median:.2f} ({spread.low:.2f}..{spread.high:.2f})", verdict])
    return table_text(["figure", "target", "measured", ""], rows) if rows else ""


def _factor(spread: Spread | None) -> str:
    return "" if spread is None else f"{spread.median:.2f}" if spread.median < 10 else f"{spread.median:.0f}"


def _range(spread: Spread) -> str:
    same = spread.low == spread.high
    return f"{spread.median:.0f}" if same else f"{spread.median:.0f} ({spread.low:.0f}..{spread.high:.0f})"
