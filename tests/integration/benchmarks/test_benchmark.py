"""The benchmark itself, small: its contenders really do the work, and it notices when one doesn't."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmark
from benchmarks import throughput
from benchmarks.contenders import C_LOOP, FIVE_RULES, OURS, ContenderFailed, Skipped
from benchmarks.latency import measure_latency
from benchmarks.rules import cost_of_rules
from benchmarks.rules_work import ids_of
from benchmarks.soak import soak
from benchmarks.throughput import Drains
from tools.harness.processes import ProcessDied
from tools.local_cluster import Cluster


def test_a_run_gives_a_table_json_and_pictures(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "ephemeral", lambda **_: nullcontext(cluster))
    file = tmp_path / "figures.json"
    arguments = ["--rounds", "1", "--messages", "5000", "--only", "ours", "--parts", "detectors,generators,rules"]
    assert benchmark.main([*arguments, "--json", str(file), "--plot", str(tmp_path)]) == 0
    assert "this detector, exactly once" in capsys.readouterr().out
    figures = json.loads(file.read_text())
    assert figures["detectors"]["ours"][0]["messages"] == 5000
    assert figures["generators"]["ours"][0]["messages"] == 10_000
    assert (tmp_path / "performance.svg").exists()
    assert benchmark.main(["--from", str(file)]) == 0
    assert "this detector, exactly once" in capsys.readouterr().out


def test_verdicts_with_the_same_rules_are_compared_one_by_one(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drains = Drains(cluster, tmp_path, 10_000)
    assert drains.same_rules(FIVE_RULES, FIVE_RULES.prepare(print)).messages == 10_000
    monkeypatch.setattr(throughput, "ids_of", lambda values: [b"another", *ids_of(values)[1:]])
    with pytest.raises(ContenderFailed, match="2 verdicts differ from the recomputation's"):
        drains.same_rules(FIVE_RULES, FIVE_RULES.prepare(print))


def test_the_c_loop_does_the_whole_work(cluster: Cluster, tmp_path: Path) -> None:
    try:
        command = C_LOOP.prepare(lambda _line: None)
    except Skipped as reason:
        pytest.skip(str(reason))
    assert Drains(cluster, tmp_path, 5000).detector(C_LOOP, command).messages == 5000


def test_a_contender_that_dies_is_reported_with_its_last_words(cluster: Cluster, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('out of order')"]
    with pytest.raises(ProcessDied, match="out of order"):
        Drains(cluster, tmp_path, 100).detector(OURS, command)


def test_latency_is_measured_for_every_transaction(cluster: Cluster, tmp_path: Path) -> None:
    latency = measure_latency(cluster, tmp_path, OURS, OURS.prepare(print), rate=500, seconds=5)
    assert 0 < latency.p50 <= latency.p99 <= latency.p999


def test_the_soak_counts_every_message(cluster: Cluster, tmp_path: Path) -> None:
    moments = soak(cluster, tmp_path, 5000)
    assert moments[-1].messages >= 5000
    assert all(moment.rss_mb > 0 for moment in moments)


def test_the_cost_of_rules_is_measured_for_each_number() -> None:
    assert all(cost > 0 for cost in cost_of_rules(1000, repeats=1).values())
