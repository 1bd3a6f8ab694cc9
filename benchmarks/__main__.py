"""`scripts/benchmark`: this system and its peers on the same work, on one local cluster, in one run, in rotation."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

from benchmarks.contenders import (
    DETECTORS,
    FAILURES,
    FIVE_RULES,
    FIXED_INTERVAL,
    GENERATORS,
    OURS,
    SAME_RULES,
    Contender,
    Skipped,
)
from benchmarks.latency import measure_latency
from benchmarks.pictures import plots
from benchmarks.results import Results, Round
from benchmarks.rules import cost_of_rules
from benchmarks.soak import soak
from benchmarks.tables import render
from benchmarks.throughput import Drained, Drains
from services.errors import ExpectedError
from services.streaming.logs import configure_logging
from tools.command_line import INTERRUPTED
from tools.local_cluster import Cluster, ephemeral

PARTS = ("detectors", "generators", "latency", "same-rules", "rules")
# At a rate that it can hardly keep up with, a contender's latency says how long the run was.
HEADROOM = 1.2
# Runs that are not counted. After a single one, the broker still compiles what transactions need: the next is slower.
WARM_UPS = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code. What was measured before a failure or an interruption is shown."""
    options = _parser().parse_args(argv)
    configure_logging("benchmark", "error")
    code, results = 0, Results({})
    try:
        if options.given:
            results = Results.of_json(json.loads(options.given.read_text()))
        _measure(options, results)
    except ExpectedError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    print(render(results))
    _keep(options, results)
    return code


def _keep(options: argparse.Namespace, results: Results) -> None:
    """Write down what was measured so far: a long run that is killed has not been for nothing."""
    if options.json:
        options.json.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    if options.plot:
        for name, text in plots(results).items():
            (options.plot / name).write_text(text)


def _names(of: Sequence[str]) -> Callable[[str], list[str]]:
    """Reads some of these names, separated by commas."""

    def read(text: str) -> list[str]:
        chosen = [name for name in text.split(",") if name]
        if unknown := [name for name in chosen if name not in of]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: expected some of {', '.join(of)}")
        return chosen

    return read


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmark", description="This system and its peers on the same work.")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each contender, in rotation")
    parser.add_argument("--messages", type=int, default=1_000_000, metavar="N", help="slow peers get a part of them")
    names = list(dict.fromkeys(contender.name for contender in (*DETECTORS, *SAME_RULES)))
    parser.add_argument("--only", type=_names(names), metavar="NAMES", help=f"some of {','.join(names)}")
    parser.add_argument("--parts", type=_names(PARTS), metavar="PARTS", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--seconds", type=int, default=13, metavar="N", help="of each run of the latency part")
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the messages")
    parser.add_argument("--soak", type=int, nargs="?", const=10_000_000, default=0, metavar="N",
                        help="also N messages (10 million) through one detector, its memory over time")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="DIRECTORY", help="draw SVG files there")
    parser.add_argument(
        "--from",
        type=Path,
        dest="given",
        metavar="FILE",
        help="show these figures, and add what --parts and --soak ask for",
    )
    return parser


def _say(line: str) -> None:
    print(f"benchmark: {line}", file=sys.stderr, flush=True)


def _measure(options: argparse.Namespace, results: Results) -> None:
    rounds, messages = (1, options.messages // 10) if options.quick else (options.rounds, options.messages)
    parts = options.parts or ([] if options.given else PARTS)
    if not parts and not options.soak:
        return
    load_before = os.getloadavg()[0]
    results.about |= about(rounds, messages)
    ready = {
        kind: _prepared(results, kind, [one for one in contenders if one.name in (options.only or [one.name])])
        for kind, contenders, of_parts in (
            ("detectors", DETECTORS, {"detectors", "latency"}),
            ("generators", GENERATORS, {"generators"}),
            ("same_rules", SAME_RULES, {"same-rules"}),
        )
        if of_parts.intersection(parts)
    }
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch, ephemeral(say=_say) as cluster:
        directory = Path(scratch)
        drains = Drains(cluster, directory, messages)
        _say("warming the broker up")
        for _ in range(WARM_UPS):
            drains.detector(OURS, OURS.prepare(_say))
        for number in range(rounds):
            if "detectors" in parts:
                _rotate(results, "detectors", ready["detectors"], number, drains.detector)
            if "generators" in parts:
                _rotate(results, "generators", ready["generators"], number, drains.generator)
            if "same-rules" in parts:
                _rotate(results, "same_rules", ready["same_rules"], number, drains.same_rules)
            if "latency" in parts:
                _latencies(results, cluster, directory, ready["detectors"], number=number, seconds=options.seconds)
            results.about["load"] = f"{load_before:.1f} before, {os.getloadavg()[0]:.1f} after round {number + 1}"
            _keep(options, results)
        if "rules" in parts:
            _say("rules")
            results.rules = {str(count): cost for count, cost in cost_of_rules(min(messages, 200_000)).items()}
        if options.soak:
            _say(f"soak: {options.soak:,} messages")
            results.soak = soak(cluster, directory, options.soak)


def _prepared(results: Results, kind: str, contenders: Sequence[Contender]) -> list[tuple[Contender, list[str]]]:
    ready = []
    for contender in contenders:
        key = f"{kind}.{contender.name}"
        results.labels[key] = ", ".join(filter(None, (contender.label, contender.guarantee)))
        try:
            ready.append((contender, contender.prepare(_say)))
        except Skipped as reason:
            results.skipped[key] = str(reason)
    return ready


def _rotate(
    results: Results,
    kind: str,
    contenders: Sequence[tuple[Contender, list[str]]],
    number: int,
    run: Callable[[Contender, list[str]], Drained],
) -> None:
    """One round: each contender once, another one first each time."""
    first = number % max(1, len(contenders))
    for contender, command in [*contenders[first:], *contenders[:first]]:
        key = f"{kind}.{contender.name}"
        if key in results.skipped:
            continue
        try:
            drained = run(contender, command)
        except FAILURES as reason:
            results.skipped[key] = str(reason)
            _say(f"{results.labels[key]}: {reason}")
            continue
        figures: dict[str, list[Round]] = getattr(results, kind)
        figures.setdefault(contender.name, []).append(Round.of(drained))
        _say(f"round {number + 1}: {results.labels[key]}: {drained.pace.rate / 1000:,.1f} k/s, "
             f"{drained.pace.cpu_us:.2f} µs CPU, load {os.getloadavg()[0]:.1f}")  # fmt: skip


def _latencies(
    results: Results,
    cluster: Cluster,
    directory: Path,
    contenders: Sequence[tuple[Contender, list[str]]],
    *,
    number: int,
    seconds: int,
) -> None:
    """Measure latencies: ours in every round, the others' in the first."""
    own = {OURS.name, FIXED_INTERVAL.name, FIVE_RULES.name}
    ours = [(contender, command) for contender, command in contenders if contender.name in own]
    peers = [
        (contender, command)
        for contender, command in contenders
        if contender.processes == 1 and contender.name not in own
    ]
    for contender, command in [*ours, *(peers if number == 0 else [])]:
        for rate in contender.rates:
            drained = results.detectors.get(contender.name)
            if f"detectors.{contender.name}" in results.skipped or (drained and drained[-1].rate < HEADROOM * rate):
                continue
            try:
                latency = measure_latency(cluster, directory, contender, command, rate=rate, seconds=seconds)
            except FAILURES as reason:
                _say(f"{contender.label} at {rate:,}/s: {reason}")
                continue
            results.latencies.setdefault(f"{contender.name}@{rate}", []).append(latency)
            _say(f"round {number + 1}: {contender.label} at {rate:,}/s: p99 {latency.p99:.0f} ms")


def about(rounds: int, messages: int) -> dict[str, str]:
    """The machine and the versions of this measurement."""
    cpu = "unknown CPU"
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    return {
        "when": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {cpu}, {platform.system()} {platform.machine()}, shared with the broker",
        "versions": f"Python {platform.python_version()}, numpy {version('numpy')}, confluent-kafka "
        f"{confluent_kafka.version()}, librdkafka {confluent_kafka.libversion()[0]}, Kafka 4.1.0",
        "size": f"{messages:,} messages, {rounds} rounds; every output was counted",
    }


if __name__ == "__main__":
    sys.exit(main())
