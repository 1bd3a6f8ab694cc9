"""The results as pictures."""

import re

from benchmarks.charts import FLOOR, OURS, PEER, Bar, Chart, bar_chart, line_chart
from benchmarks.figures import Spread
from benchmarks.results import Results, Round
from tools.picture import Picture


def plots(results: Results) -> dict[str, str]:
    """SVG by file name: a picture of each part that was measured."""
    foot = [f"{name}: {text}" for name, text in results.about.items() if name != "when"]
    pictures = {}
    if results.detectors:
        pictures["performance.svg"] = _speeds(
            results, results.detectors, "detectors", "Judged transactions a second", foot
        )
    if results.generators:
        pictures["performance-generators.svg"] = _speeds(
            results, results.generators, "generators", "Generated transactions a second", foot
        )
    if results.latencies:
        pictures["performance-latency.svg"] = _latencies(results, foot)
    if results.rules:
        points = [(float(count), cost) for count, cost in results.rules.items()]
        subtitle = "Processor time to judge one message, without reading and writing it"
        chart = Chart("Cost of judging as rules grow", subtitle, foot)
        pictures["performance-rules.svg"] = line_chart(chart, points, ("rules of six kinds", "µs"))
    if results.soak:
        points = [(moment.messages / 1e6, moment.rss_mb) for moment in results.soak]
        chart = Chart(
            "Memory of a detector over a long run", f"Resident memory, {points[-1][0]:.0f} million messages", foot
        )
        pictures["performance-memory.svg"] = line_chart(chart, points, ("million messages", "MB"))
    return {name: picture.svg(alone=True) for name, picture in pictures.items()}


def _speeds(results: Results, figures: dict[str, list[Round]], kind: str, title: str, foot: list[str]) -> Picture:
    bars = []
    for name, rounds in figures.items():
        rate = Spread.of(measured.rate / 1000 for measured in rounds)
        ratio = results.speed_ratio(name, "tutorial", kind)
        times = "" if ratio is None or name == "tutorial" else f" · {ratio.median:.{0 if ratio.median >= 10 else 1}f}x"
        label = results.labels[f"{kind}.{name}"]
        note = f"{rate.median:,.0f}{times}"
        bars.append(Bar(_short(label), rate.median, rate.low, rate.high, _role(name), note))
    bars.sort(key=lambda bar: -bar.value)
    subtitle = "Thousands, median of the rounds with their range; times the tutorial's way"
    return bar_chart(Chart(title, subtitle, foot), bars, "thousand/s")


def _latencies(results: Results, foot: list[str]) -> Picture:
    bars = []
    for key, rounds in results.latencies.items():
        name, _, rate = key.partition("@")
        p50, p99, p999 = (
            Spread.of(getattr(measured, which) for measured in rounds).median for which in ("p50", "p99", "p999")
        )
        label = f"{_short(results.labels[f'detectors.{name}'])} · {int(rate) // 1000}k/s"
        bars.append(Bar(label, p99, p50, p999, _role(name), f"{p50:.0f} / {p99:.0f} / {p999:.0f}"))
    bars.sort(key=lambda bar: bar.value)
    subtitle = "Milliseconds from the scheduled time to a read-committed reader: p99, and as the line p50 to p99.9"
    return bar_chart(Chart("End-to-end latency", subtitle, foot), bars, "ms")


def _role(name: str) -> str:
    return OURS if name.startswith("ours") else FLOOR if name.startswith("c") and name != "confluent" else PEER


def _short(label: str) -> str:
    return re.sub(r"COMMIT_INTERVAL_MS=(\d+)", r"\1 ms", label)
