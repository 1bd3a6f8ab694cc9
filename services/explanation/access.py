"""The access of explanations to Kafka: all that detectors read and write of transactions, to read it."""

from collections.abc import Sequence

from services.detection.topics import DetectorTopics
from services.streaming.access import Access
from services.streaming.authorisation import READ
from services.streaming.topics import TopicNeed


def needs_of(topics: DetectorTopics) -> Sequence[TopicNeed]:
    """Return the topics that explanations are made from, given those of the detectors."""
    legit, fraud, _alerts = topics.written
    read = [*topics.read, legit, fraud, topics.dead_letters, *([topics.rules] if topics.rules else [])]
    return [TopicNeed(topic.name, topic.partitions, (READ,)) for topic in read]


def access_of(topics: DetectorTopics) -> Access:
    """Return what `scripts/explain` does on Kafka."""
    return Access("explain", needs_of(topics))
