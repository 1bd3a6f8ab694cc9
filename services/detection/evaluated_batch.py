"""Transactions that were evaluated, on their way to the next topic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.detection.decoded_batch import DecodedBatch
from services.detection.incoming import Features, Incoming
from services.errors import PoisonError
from services.rules.rule_match import RuleMatches
from services.rules.topology import Stage, Topology
from services.streaming.record_headers import Headers


@dataclass(frozen=True)
class Outgoing:
    """The records to write for some messages, as far as they do not depend on verdicts.

    Attributes:
        keys: The key of each in the next topic.
        bodies: By message its body in the detector's own schema, where an output may need it re-encoded.
        failures: By message why it can't be passed on.
    """

    keys: Sequence[bytes | None]
    bodies: dict[int, bytes] = field(default_factory=dict)
    failures: dict[int, PoisonError] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluatedBatch:
    """Transactions of one stage, evaluated by the same version of the rules.

    Attributes:
        topology: The rules.
        stage: The stage that they come from.
        incoming: The transactions as they were read.
        batch: Their decoded fields.
        outgoing: The records to write.
        matches: The matches of this stage, by rule.
        live: By message the live rules that matched it in this stage or before.
        features: By name a column of each feature that the next stage gets, a value for each decoded message.
        traced: By message the headers of sampled ones, with the context of what comes of them.
    """

    topology: Topology
    stage: Stage
    incoming: Incoming
    batch: DecodedBatch
    outgoing: Outgoing
    matches: Sequence[RuleMatches]
    live: Mapping[int, Sequence[str]]
    features: Features = field(default_factory=dict)
    traced: Mapping[int, Headers] = field(default_factory=dict)
