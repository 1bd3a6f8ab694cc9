"""Parts of the console that the service and its commands build alike."""

from collections.abc import Callable, Sequence
from functools import partial
from threading import Event

from confluent_kafka import Consumer
from sqlalchemy import Engine

from services.console.access import GROUP
from services.console.clock import HOUR, MINUTE
from services.console.decoding import RecordReader, amount_scale
from services.console.projection.alert_rows import CaseOptions
from services.console.projection.projector import Projector
from services.console.queries.case import stored_transactions
from services.console.recent import RecentTransactions
from services.console.records import Alert
from services.console.settings import ConsoleSettings
from services.console.storage.database import insert_new, writing
from services.console.storage.tables import transactions
from services.console.topics import ConsoleTopics
from services.contracts import Registry
from services.streaming.clients import KafkaClients
from services.streaming.progress import Progress


def case_options(settings: ConsoleSettings, topics: ConsoleTopics) -> CaseOptions:
    """Return the settings of cases."""
    return CaseOptions(
        window_ms=round(settings.case_window_hours * HOUR),
        claim_ms=round(settings.claim_minutes * MINUTE),
        scale=amount_scale(topics.legit.required_schema),
    )


def consumer_factory(clients: KafkaClients) -> Callable[[], Consumer]:
    """Return a factory of consumers for partitions that are assigned by hand."""
    return partial(
        clients.consumer, GROUP, auto_offset_reset="earliest", fetch_wait_max_ms=50, enable_partition_eof=True
    )


def build_projector(
    settings: ConsoleSettings,
    topics: ConsoleTopics,
    *,
    clients: KafkaClients,
    registry: Registry,
    engine: Engine,
    progress: Progress,
    stop: Event,
    recent: RecentTransactions | None = None,
) -> Projector:
    """Return the projector; with the latest transactions it keeps those that contribute to alerts."""

    def keep_contributors(alerts: Sequence[Alert]) -> None:
        # The windows of the latest alert of an account have what those of the ones before it have.
        latest = {alert.account: alert for alert in alerts}
        ids = {identifier for alert in latest.values() for identifier in alert.contributors}
        if recent is None or not ids:
            return
        with engine.begin() as connection:
            ids -= {transaction.id for transaction in stored_transactions(connection, ids)}
        found = recent.find(ids)
        with writing(engine).begin() as connection:
            insert_new(connection, transactions, [dict(vars(transaction)) for transaction in found])

    return Projector(
        engine,
        consumer_factory(clients),
        (topics.alerts.name, topics.decisions.name),
        (
            RecordReader(registry, topics.alerts.required_schema),
            RecordReader(registry, topics.decisions.required_schema),
        ),
        options=case_options(settings, topics),
        progress=progress,
        stop=stop,
        on_alerts=keep_contributors,
    )
