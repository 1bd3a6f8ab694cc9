"""Versions of the rules: one is current, the one before is kept for a while, and broken files are rejected."""

from pathlib import Path
from threading import Event

import pytest
from prometheus_client import CollectorRegistry

from services.detection import rule_versions as module
from services.detection.metrics import DetectorMetrics
from services.detection.rule_versions import RETENTION_SECONDS, RuleVersions
from services.detector.rules_watcher import RulesWatcher
from services.errors import ContractError
from services.rules.model import RuleSet
from services.rules.topology import Topology


def named(version: str) -> Topology:
    return Topology(RuleSet((), version, "rules.toml"), ())


def test_new_rules_wait_until_they_begin() -> None:
    old, new = named("old"), named("new")
    versions = RuleVersions(old)
    assert not versions.is_pending
    versions.propose(new)
    assert (versions.is_pending, versions.current, versions.proposed) == (True, old, new)
    versions.activate(new)
    assert (versions.is_pending, versions.current) == (False, new)


def test_what_an_older_version_began_it_also_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    versions = RuleVersions(named("old"))
    versions.activate(named("new"))
    assert versions.get("old").version == "old"
    assert versions.get("never heard of").version == "new"
    assert not versions.retire()
    now[0] += RETENTION_SECONDS + 1
    assert versions.retire()
    assert (versions.get("old").version, len(versions.in_use)) == ("new", 1)


def test_rules_that_come_back_are_the_current_ones() -> None:
    versions = RuleVersions(named("a"))
    versions.activate(named("b"))
    versions.activate(named("a"))
    assert [topology.version for topology in versions.in_use] == ["a", "b"]


def watched(path: Path) -> tuple[RulesWatcher, RuleVersions, CollectorRegistry]:
    registry, versions = CollectorRegistry(), RuleVersions(named("first"))

    def load() -> Topology:
        text = path.read_text()
        if text == "broken":
            raise ContractError(f"{path}:1: broken")
        return named(text)

    return RulesWatcher(path, load, versions, DetectorMetrics(registry), Event()), versions, registry


def test_a_changed_file_is_proposed_once(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("first")
    watcher, versions, registry = watched(path)
    watcher.look()
    assert not versions.is_pending
    path.write_text("second")
    watcher.look()
    watcher.look()
    assert versions.proposed.version == "second"
    # The windows that the rules need are restored first.
    assert registry.get_sample_value("fraud_detector_rules_reloads_total", {"result": "activated"}) is None


@pytest.mark.parametrize("remove", [False, True])
def test_the_previous_version_is_kept_when_the_file_is_broken_or_gone(tmp_path: Path, remove: bool) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("first")
    watcher, versions, registry = watched(path)
    path.write_text("broken")
    if remove:
        path.unlink()
        watcher._load = lambda: (_ for _ in ()).throw(ContractError("cannot be read"))
    watcher.look()
    assert not versions.is_pending
    assert registry.get_sample_value("fraud_detector_rules_reloads_total", {"result": "rejected"}) == 1


def test_a_changed_model_file_is_noticed_like_a_changed_rules_file(tmp_path: Path) -> None:
    path, model = tmp_path / "rules.toml", tmp_path / "cards.json"
    path.write_text('[models.cards]\nfile = "cards.json"\n')
    model.write_text("1")
    watcher, versions, _ = watched(path)
    watcher._load = lambda: named(model.read_text())
    watcher.look()
    assert not versions.is_pending
    model.write_text("2")
    watcher.look()
    assert versions.proposed.version == "2"
    model.unlink()
    watcher._load = lambda: (_ for _ in ()).throw(ContractError("cannot be read"))
    watcher.look()
    assert versions.proposed.version == "2"
