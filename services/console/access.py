"""The console's access to Kafka."""

from services.console.settings import ConsoleSettings
from services.console.topics import ConsoleTopics
from services.streaming.access import Access
from services.streaming.authorisation import DESCRIBE

_TRANSACTIONAL_IDS = "console."


def access_of(settings: ConsoleSettings, topics: ConsoleTopics) -> Access:
    """Return what a console does on Kafka: it shows the offsets of the detectors' group, and joins none."""
    return Access(
        "console",
        topics.needs,
        {settings.consumer_group: (DESCRIBE,)},
        transactional_id=_TRANSACTIONAL_IDS,
        has_instances=True,
    )


def transactional_id(settings: ConsoleSettings) -> str:
    """Return the transactional id of this instance."""
    return f"{_TRANSACTIONAL_IDS}{settings.instance_id}"
