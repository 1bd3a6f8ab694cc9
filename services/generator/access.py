"""The generator's access to Kafka."""

from services.contracts import Contracts
from services.generator.settings import GeneratorSettings
from services.streaming.access import Access
from services.streaming.authorisation import WRITE
from services.streaming.topics import TopicNeed


def written_topics(settings: GeneratorSettings) -> list[str]:
    """Return the topic of transactions, and that of labels if there are any."""
    return [settings.transactions_topic, *([settings.labels_topic] if settings.scenarios else [])]


def access_of(settings: GeneratorSettings, contracts: Contracts) -> Access:
    """Return what the generator does on Kafka.

    Raises:
        ContractError: A topic has no contract.
    """
    topics = [contracts.topic(name) for name in written_topics(settings)]
    return Access("generator", [TopicNeed(topic.name, topic.partitions, (WRITE,)) for topic in topics])
