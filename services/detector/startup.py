"""Checks before the detector joins its group."""

from collections.abc import Mapping
from functools import partial
from threading import Event

import structlog

from services.detection.settings import DetectorSettings
from services.detection.topics import DetectorTopics
from services.detector.access import access_of
from services.streaming.access import await_access
from services.streaming.clients import KafkaClients
from services.streaming.lifecycle import wait_until
from services.streaming.progress import LoopProgress
from services.streaming.start_offsets import StartFrom, StartOffsets
from services.streaming.topics import TopicConfig, require_equal_partitions, topic_configs

log = structlog.get_logger()


def checked_topics(
    clients: KafkaClients, settings: DetectorSettings, topics: DetectorTopics, progress: LoopProgress, stop: Event
) -> Mapping[str, TopicConfig]:
    """Wait for the brokers, check the topics and the group's offsets, and return the topics' configurations.

    Raises:
        Unavailable: No broker answered in time.
        NotAuthorised: The brokers refuse access.
        ContractError: A topic is not as it must be, or the group has no offsets though results exist.
    """
    await_access(clients, settings, access_of(settings, topics), stop, progress)
    admin = clients.admin()
    require_equal_partitions(admin, [topic.name for topic in (*topics.read, *topics.labelled, *topics.kept)])
    configs = topic_configs(admin, topics.all)
    if configs[topics.input].message_timestamp_type != "LogAppendTime":
        meaning = (
            f"{topics.input} has message.timestamp.type={configs[topics.input].message_timestamp_type}: its producers "
            "set the timestamps of its records, and one in the future expires the windows of other accounts too soon; "
            "expected LogAppendTime (scripts/create-topics says how)"
        )
        log.warning("timestamps set by producers", topic=topics.input, reason=meaning)
        progress.degraded("timestamps", meaning)
    offsets = StartOffsets(
        # Stable offsets would be waited for until the broker aborts what a killed detector has left open.
        partial(clients.consumer, isolation_level="read_uncommitted"),
        admin,
        settings.consumer_group,
        input_topic=topics.input,
        repartition_topics=topics.repartition,
        output_topics=settings.output_topics,
        further_inputs=[topic.name for topic in topics.labelled],
    )
    start_from = StartFrom.parse(settings.start_from) if settings.start_from else None
    wait_until(
        partial(offsets.initialise, start_from),
        waiting_for="offsets of the group",
        timeout=settings.startup_timeout,
        stop=stop,
        progress=progress,
    )
    return configs
