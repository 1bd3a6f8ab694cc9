"""The notifier's access to Kafka."""

from services.notifier.model import Notifications
from services.notifier.settings import NotifierSettings
from services.notifier.topics import NotifierTopics
from services.streaming.access import Access
from services.streaming.authorisation import READ


def access_of(settings: NotifierSettings, topics: NotifierTopics, notifications: Notifications) -> Access:
    """Return what a notifier does on Kafka; the topics of the daily report are read where there is one."""
    return Access(
        "notifier",
        topics.needs(report=notifications.report is not None),
        {settings.notifier_group: (READ,)},
        transactional_id=settings.notifier_group,
    )
