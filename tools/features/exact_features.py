"""Features of a topic's transactions, exactly as detectors computed them: from the logs of all stages."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from services.detection.settings import DetectorSettings
from services.errors import UsageError
from services.explanation.stage_logs import StageLogs
from services.history.blocks import Block
from services.history.topic_input import TopicInput
from services.rules.model import ID, KEY, RuleSet
from services.rules.numeric_expressions import Numbers
from services.rules.topology import build_topology
from services.streaming.settings import load_settings
from tools.features.stage_logs import Key, features_of_logs
from tools.history.options import Input


@dataclass
class ExactFeatures:
    """The features of transactions by their ids.

    Attributes:
        names: The features.
        known: By feature the value of each transaction that came through the stage that computes it.
        missing: The number of transactions that have not come through all stages.
    """

    names: tuple[str, ...]
    known: Mapping[str, Mapping[Key, float]]
    missing: int = 0
    _seen: Counter[bytes] = field(default_factory=Counter)

    @classmethod
    def of(cls, source: Input, rules: RuleSet, names: Iterable[str], lateness_ms: int) -> "ExactFeatures":
        """Read the logs of all stages of some rules.

        Args:
            source: The topic of the transactions.
            rules: They declare the features.
            names: The features.
            lateness_ms: The detectors' allowed lateness.

        Raises:
            UsageError: The source is no topic.
            ContractError: There is no stage for a feature.
            Unavailable: Brokers or registry don't answer.
        """
        if not isinstance(source, TopicInput):
            raise UsageError(f"{source.name} is no topic, whose stages could be read")
        names = tuple(names)
        settings = load_settings(DetectorSettings)
        (field_of_input, _), *further = settings.stages(KEY).items()
        topic = source.settings.transactions
        topology = build_topology(rules, {field_of_input: topic, **dict(further)}, names)
        consumer = partial(source.clients.consumer, "features", fetch_wait_max_ms=100)
        schema = source.contracts.topic(topic).required_schema
        logs = StageLogs(consumer, source.registry, schema, settings.dead_letter_topic)
        return cls(names, features_of_logs(logs, topology, lateness_ms))

    def features(self, block: Block) -> tuple[Block, Mapping[str, Numbers]]:
        """Return a block of which transactions that came through all stages count, and the features of its rows."""
        keys = []
        for identity in block.columns[ID].tolist():
            keys.append((identity, self._seen[identity]))
            self._seen[identity] += 1
        there = np.array([all(key in self.known[name] for name in self.names) for key in keys], np.bool_)
        self.missing += int(np.count_nonzero(~there))
        counted = there if block.counted is None else there & block.counted
        features = {name: np.array([self.known[name].get(key, np.nan) for key in keys]) for name in self.names}
        return replace(block, counted=counted), features
