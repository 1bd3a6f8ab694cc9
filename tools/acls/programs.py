"""The programs of the pipeline with their access, by the settings in the environment and the contracts."""

from collections.abc import Sequence

from services.commands import create_topics, silence
from services.commands.redrive import DEAD_LETTERS
from services.console import access as console
from services.console.settings import ConsoleSettings
from services.console.topics import ConsoleTopics
from services.contracts import Contracts, RegistrySettings
from services.detection.settings import DetectorSettings
from services.detection.topics import DetectorTopics
from services.detector import access as detector
from services.errors import ContractError
from services.explanation import access as explanation
from services.generator import access as generator
from services.generator.settings import GeneratorSettings
from services.notifier import access as notifier
from services.notifier.loading import load_notifications
from services.notifier.settings import NotifierSettings
from services.notifier.topics import NotifierTopics, transaction_schema
from services.streaming import redrive_access
from services.streaming.access import Access
from services.streaming.settings import SettingsT, load_settings
from tools.replay.__main__ import access_of as replay_access
from tools.tail.follower import access_of as tail_access

_ANY_BROKER = "localhost:9092"
"""Broker in settings that no client is made of."""


def programs(contracts: Contracts) -> Sequence[Access]:
    """Return the access of every program, services first.

    Args:
        contracts: Contracts of the topics.

    Raises:
        UsageError: A setting of a service can't be used.
        ContractError: A topic has no contract, or the notifications file has faults.
    """
    settings = _settings(DetectorSettings)
    notifier_settings = _settings(NotifierSettings)
    topics = NotifierTopics.of(notifier_settings, contracts)
    notifications = load_notifications(notifier_settings.notifications_file, transaction_schema(topics))
    detector_topics = DetectorTopics.of(settings, contracts)
    dead_letters = settings.dead_letter_topic or DEAD_LETTERS
    return [
        generator.access_of(_settings(GeneratorSettings), contracts),
        detector.access_of(settings, detector_topics),
        notifier.access_of(notifier_settings, topics, notifications),
        console.access_of(
            console_settings := _settings(ConsoleSettings),
            ConsoleTopics.of(console_settings, contracts),
            detector_topics,
        ),
        explanation.access_of(detector_topics),
        create_topics.access_of(contracts),
        redrive_access.access_of(dead_letters, [topic.name for topic in contracts.inputs_of(dead_letters)]),
        replay_access([contracts.topic(name) for name in (settings.transactions_topic, settings.labels_topic)]),
        silence.access_of(topics),
        tail_access([topic.name for topic in contracts.topics]),
    ]


def chosen(everything: Sequence[Access], names: Sequence[str]) -> Sequence[Access]:
    """Return the programs of these names; all where none is given.

    Raises:
        ContractError: There is no such program.
    """
    known = {access.program: access for access in everything}
    if unknown := [name for name in names if name not in known]:
        raise ContractError(f"there is no program {unknown[0]}; expected one of {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] if names else everything


def _settings(settings_class: type[SettingsT]) -> SettingsT:
    return load_settings(settings_class, RegistrySettings, kafka_broker_url=_ANY_BROKER)
