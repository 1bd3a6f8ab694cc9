"""The topics of a detector, and the operations that it needs on each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.contracts import Contracts, Schema, TopicContract
from services.detection.settings import TOPIC_OFF, DetectorSettings
from services.errors import ContractError
from services.rules.model import KEY
from services.streaming.authorisation import READ, WRITE
from services.streaming.topics import TopicNeed


@dataclass(frozen=True)
class DetectorTopics:
    """The topics of a detector, by their use.

    Attributes:
        stages: The topics that it reads, by the field that each is keyed by; the input is first.
        read: The contracts of these.
        written: The contracts of legit, fraud and alerts.
        dead_letters: The contract of the dead-letter topic.
        state: The contract of the state topic; None where no state is written.
        scores: The contract of the topic of scores; None where none are written.
        labels: The contract of the topic of labels; None where none are read.
        rules: The contract of the topic of versions of the rules; None where none are written.
    """

    stages: Mapping[str, str]
    read: Sequence[TopicContract]
    written: Sequence[TopicContract]
    dead_letters: TopicContract
    state: TopicContract | None = None
    scores: TopicContract | None = None
    labels: TopicContract | None = None
    rules: TopicContract | None = None

    @classmethod
    def of(cls, settings: DetectorSettings, contracts: Contracts) -> "DetectorTopics":
        """Return the topics that the settings name.

        Raises:
            ContractError: One has no contract, or its dead letters belong in another topic.
        """
        stages = settings.stages(KEY)
        read = [contracts.topic(topic) for topic in stages.values()]
        for topic in read:
            if topic.dead_letter_topic not in (None, settings.dead_letter_topic):
                raise ContractError(
                    f'{topic.place}: topic {topic.name} has dead_letter_topic = "{topic.dead_letter_topic}", and '
                    f"DEAD_LETTER_TOPIC is {settings.dead_letter_topic}: redrive would refuse its dead letters; "
                    "make them the same"
                )
        return cls(
            stages,
            read,
            [contracts.topic(topic) for topic in (*settings.output_topics, settings.alerts_topic)],
            contracts.topic(settings.dead_letter_topic),
            None if settings.state_topic == TOPIC_OFF else contracts.topic(settings.state_topic),
            None if settings.scores_topic == TOPIC_OFF else contracts.topic(settings.scores_topic),
            None if settings.label_windows == "off" else contracts.topic(settings.labels_topic),
            None if settings.rules_topic == TOPIC_OFF else contracts.topic(settings.rules_topic),
        )

    @property
    def all(self) -> Sequence[TopicContract]:
        """All topics."""
        return [*self.read, *self.labelled, *self.written, self.dead_letters, *self.kept, *self.optional]

    @property
    def optional(self) -> Sequence[TopicContract]:
        """The topics of scores and of versions of the rules, where these are written."""
        return [topic for topic in (self.scores, self.rules) if topic]

    @property
    def kept(self) -> Sequence[TopicContract]:
        """The state topic, or nothing."""
        return [self.state] if self.state else []

    @property
    def labelled(self) -> Sequence[TopicContract]:
        """The topic of labels, or nothing."""
        return [self.labels] if self.labels else []

    @property
    def with_labels(self) -> Sequence[str]:
        """The topics that have labels among their transactions."""
        return self.repartition if self.labels else ()

    @property
    def needs(self) -> Sequence[TopicNeed]:
        """The operations needed on each topic. Dead letters and state are also read: by a restore."""
        operations = {
            **{topic.name: (WRITE,) for topic in (*self.written, *self.optional)},
            **dict.fromkeys(
                (*self.repartition, self.dead_letters.name, *(topic.name for topic in self.kept)), (READ, WRITE)
            ),
        }
        return [TopicNeed(topic.name, topic.partitions, operations.get(topic.name, (READ,))) for topic in self.all]

    @property
    def input(self) -> str:
        """The input topic."""
        return self.read[0].name

    @property
    def repartition(self) -> Sequence[str]:
        """The repartition topics."""
        return [topic.name for topic in self.read[1:]]

    @property
    def schema(self) -> Schema:
        """The contract of a transaction."""
        return self.read[0].required_schema
