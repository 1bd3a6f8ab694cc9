"""Activates versions of the rules: what to decode and which state to keep follows from the versions in use."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from services.detection.metrics import DetectorMetrics
from services.detection.rule_versions import RuleVersions
from services.rules.model import EVENT_TIME, ID, Rule
from services.rules.state_requirements import StateRequirements, requirements_of
from services.rules.topology import Topology

log = structlog.get_logger()


class RuleActivation:
    """Activates the rules: at once the version that is there at first, later ones when they are pending.

    Args:
        versions: The versions of the rules.
        metrics: Shows the active version.
        alert_fields: Returns the fields that alerts of some rules need.
        lateness_ms: Allowed lateness: windows are whole for a transaction up to it.

    Attributes:
        fields: By topic the fields to decode, for every version in use.
    """

    def __init__(
        self,
        versions: RuleVersions,
        metrics: DetectorMetrics,
        alert_fields: Callable[[Sequence[Rule]], Iterable[str]],
        lateness_ms: int,
    ) -> None:
        self._versions = versions
        self._metrics = metrics
        self._alert_fields = alert_fields
        self._lateness_ms = lateness_ms
        self.fields: Mapping[str, Sequence[str]] = {}
        self._start_using(versions.current)

    def activate(self, topology: Topology) -> None:
        """Activate a version of the rules that was proposed while another one was in use."""
        self._versions.activate(topology)
        self._metrics.reloads.labels(result="activated").inc()
        self._start_using(topology)

    def requirements(self, proposed: Topology) -> Mapping[str, StateRequirements]:
        """Return by topic the state that all versions of the rules in use require, and a proposed one."""
        topologies = self._versions.in_use
        topologies += [proposed] if all(proposed is not topology for topology in topologies) else []
        return {
            topic: requirements_of(
                [rule for topology in topologies for rule in topology.stage_of(topic).rules],
                self._lateness_ms,
                [feature for topology in topologies for feature in topology.stage_of(topic).features],
            )
            for topic in (stage.topic for stage in proposed.stages)
        }

    def _start_using(self, topology: Topology) -> None:
        self.fields = {stage.topic: tuple(sorted(self._fields_of(stage.topic))) for stage in topology.stages}
        self._metrics.rules(topology.version, len(topology.rules.rules))
        self._metrics.models(topology.rules.models)
        rules = topology.rules
        # The whole text, as in the topic of rules: logs outlive a cluster.
        log.info(
            "rules activated", version=topology.version, rules=[rule.name for rule in rules.rules],
            rule_versions={rule.name: rule.version for rule in rules.rules}, file=rules.source,
            constants={name: str(value) for name, value in rules.constants.items()}, text=rules.text,
        )  # fmt: skip

    def _fields_of(self, topic: str) -> set[str]:
        """Return the fields to decode of a stage's transactions, for every version of the rules in use."""
        needed = {EVENT_TIME}
        for topology in self._versions.in_use:
            stage = topology.stage_of(topic)
            needed.update(stage.fields)
            needed.update((ID,) if topology.rules.models else ())
            if stage.repartition_field:
                needed.add(stage.repartition_field)
            reported = [rule for rule in stage.rules if rule.is_reported]
            needed.update((ID, *self._alert_fields(reported)) if reported else ())
        return needed
