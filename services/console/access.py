"""The console's access to Kafka."""

from services.console.settings import ConsoleSettings
from services.console.topics import ConsoleTopics
from services.detection.topics import DetectorTopics
from services.explanation.access import needs_of
from services.streaming.access import Access
from services.streaming.authorisation import DESCRIBE

GROUP = "console"
"""The group id of consumers; they never join it, and librdkafka looks for its coordinator all the same."""

_TRANSACTIONAL_IDS = "console."


def access_of(settings: ConsoleSettings, topics: ConsoleTopics, explained: DetectorTopics) -> Access:
    """Return what a console does on Kafka: it shows the offsets of the detectors' group, and joins none.

    Args:
        settings: The settings.
        topics: The topics that these name.
        explained: The topics of the detectors, from which verdicts are explained.
    """
    return Access(
        "console",
        [*topics.needs, *needs_of(explained)],
        {settings.consumer_group: (DESCRIBE,), GROUP: (DESCRIBE,)},
        transactional_id=_TRANSACTIONAL_IDS,
        has_instances=True,
    )


def transactional_id(settings: ConsoleSettings) -> str:
    """Return the transactional id of this instance."""
    return f"{_TRANSACTIONAL_IDS}{settings.instance_id}"
