"""The detector's access to Kafka."""

from services.detection.settings import DetectorSettings
from services.detection.topics import DetectorTopics
from services.streaming.access import Access
from services.streaming.authorisation import READ


def access_of(settings: DetectorSettings, topics: DetectorTopics) -> Access:
    """Return what a detector does on Kafka."""
    return Access(
        "detector",
        topics.needs,
        {settings.consumer_group: (READ,)},
        transactional_id=_transactional_ids(settings),
        has_instances=True,
    )


def transactional_id(settings: DetectorSettings) -> str:
    """Return the transactional id of this instance."""
    return f"{_transactional_ids(settings)}{settings.instance_id}"


def _transactional_ids(settings: DetectorSettings) -> str:
    return f"{settings.consumer_group}."
