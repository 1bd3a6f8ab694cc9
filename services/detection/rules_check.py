"""Checks of rules as the detector makes them at its start, without a cluster."""

from dataclasses import dataclass

from services.contracts import Contracts
from services.detection.settings import TOPIC_OFF, DetectorSettings
from services.errors import ContractError
from services.rules.model import KEY, RuleSet
from services.rules.topology import ONLY_LATER, Topology, build_topology, require_labels, windows_beyond_retention


@dataclass(frozen=True)
class CheckedRules:
    """Rules that a detector would activate.

    Attributes:
        topology: The rules by stage.
        warnings: What it would warn of.
    """

    topology: Topology
    warnings: tuple[str, ...]


def check_topology(rules: RuleSet, settings: DetectorSettings, contracts: Contracts) -> CheckedRules:
    """Check what a valid file asks of the topics.

    Args:
        rules: The rules.
        settings: Those of the detectors.
        contracts: The contracts of the topics.

    Raises:
        ContractError: A detector would reject the rules: no stage evaluates one, or a topic lacks what it needs.
    """
    stages = settings.stages(KEY)
    topics = [contracts.topic(topic) for topic in stages.values()]
    topology = build_topology(rules, stages)
    require_labels(topology, written=[topic.name for topic in topics[1:]] if settings.label_windows == "on" else ())
    warnings = rules.warnings
    retention_ms = {topic.name: topic.retention_ms for topic in topics}
    if beyond := windows_beyond_retention(topology, retention_ms, round(settings.allowed_lateness * 1000)):
        if settings.state_topic == TOPIC_OFF:
            raise ContractError(beyond)
        warnings = (*warnings, f"warning: {beyond}; the state topic keeps such a window, {ONLY_LATER}")
    return CheckedRules(topology, tuple(warnings))
