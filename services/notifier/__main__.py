"""The notifier's composition root: reads the settings, builds the parts, runs the loop."""

import time
from functools import partial
from threading import Event

import structlog

from services.contracts import (
    SCHEMAS_ENVIRONMENT,
    NotRegistered,
    Registry,
    RegistrySettings,
    load_contracts,
)
from services.errors import UsageError
from services.notifier.access import access_of
from services.notifier.dispatcher import Dispatcher
from services.notifier.file_watcher import FileWatcher
from services.notifier.loading import load_notifications
from services.notifier.loop import NotifierLoop
from services.notifier.metrics import NAMESPACE, NotifierMetrics, Waiting, WaitingState
from services.notifier.model import Notifications, Receiver
from services.notifier.receivers import Sender, sender_of
from services.notifier.report.figures import Figures
from services.notifier.report.gathering import Gatherer
from services.notifier.restore import Restorer
from services.notifier.session import Session
from services.notifier.settings import NotifierSettings, start_from
from services.notifier.silences import Silences
from services.notifier.topics import NotifierRecords, NotifierTopics, transaction_schema
from services.notifier.traces import AttemptTraces
from services.notifier.workers import Completed, Workers
from services.streaming.access import await_access
from services.streaming.arguments import parse_service_arguments
from services.streaming.authorisation import explain_refusals
from services.streaming.certificate_renewal import watch_certificates
from services.streaming.certificates import CertificateCollector, certificates
from services.streaming.clients import KafkaClients
from services.streaming.credentials import watch_credentials
from services.streaming.endpoints import serve_endpoints
from services.streaming.lag import LagMonitor
from services.streaming.lifecycle import run_service, stop_on_signals, wait_until
from services.streaming.logs import configure_logging
from services.streaming.metrics import LoopMetrics, ProgressCollector, new_registry
from services.streaming.progress import LoopProgress
from services.streaming.settings import librdkafka_properties, load_settings, load_together
from services.streaming.topics import require_topics
from services.streaming.tracing import Tracer, open_tracer

log = structlog.get_logger()

DESCRIPTION = "Read alerts and tell people of them, accounting for every attempt, until SIGTERM."


def main() -> int:
    """Run the notifier until SIGTERM; return its exit code."""
    configure_logging("notifier")
    settings, registry_settings = load_together(
        lambda: load_settings(NotifierSettings, RegistrySettings), RegistrySettings.load
    )
    configure_logging("notifier", settings.log_level)
    tracer = open_tracer("fraud-notifier", settings.otel_exporter_otlp_endpoint)
    stop = stop_on_signals(grace=12)
    contracts = load_contracts()
    topics = NotifierTopics.of(settings, contracts)
    load = partial(load_usable, settings, topics)
    # Faults of the file are reported at once, whether or not the cluster is there.
    access = access_of(settings, topics, load())
    properties = librdkafka_properties()
    clients = KafkaClients(settings, properties, client_id="notifier")
    watch_credentials(clients, stop)
    watch_certificates(properties, registry_settings.ca_file, stop)
    collector = new_registry(NAMESPACE)
    metrics, progress = NotifierMetrics(collector), LoopProgress()
    collector.register(ProgressCollector(progress, NAMESPACE))
    collector.register(CertificateCollector(certificates(properties, registry_settings.ca_file), NAMESPACE))
    serve_endpoints(collector, progress, settings.metrics_host, settings.metrics_port)
    refusals = explain_refusals(
        lambda: require_topics(clients.admin(), access.topics),
        group=settings.notifier_group,
        transactional_id=settings.notifier_group,
    )
    with refusals, Registry(registry_settings) as registry:
        await_access(clients, settings, access, stop, progress)
        records = wait_until(
            lambda: NotifierRecords(topics, registry),
            waiting_for="schema registry",
            timeout=settings.startup_timeout,
            stop=stop,
            progress=progress,
            transient=(NotRegistered,),
        )
        watcher = FileWatcher(settings.notifications_file, load, metrics, progress, stop)
        loop = _loop(
            settings=settings,
            topics=topics,
            clients=clients,
            records=records,
            registry=registry,
            watcher=watcher,
            tracer=tracer,
            metrics=metrics,
            loop_metrics=LoopMetrics(collector, NAMESPACE),
            progress=progress,
            stop=stop,
        )
        collector.register(Waiting(lambda: _waiting(loop)))
        lag = LagMonitor(
            partial(clients.consumer, settings.notifier_group), progress=progress, namespace=NAMESPACE, stop=stop
        )
        collector.register(lag)
        lag.start()
        watcher.start()
        loop.run()
    if tracer:
        tracer.close()
    return 0


def load_usable(settings: NotifierSettings, topics: NotifierTopics) -> Notifications:
    """Return the notifications file, with all of its secrets there.

    Raises:
        NotificationsError: The file has faults.
        UsageError: A secret is missing, or an optional package; one line for each.
    """
    notifications = load_notifications(settings.notifications_file, transaction_schema(topics))
    missing = []
    for receiver in notifications.receivers.values():
        try:
            for secret in receiver.secrets:
                secret.reveal()
            sender_of(receiver, notifications.case_url)
        except UsageError as error:
            missing.append(str(error))
    if missing:
        raise UsageError("\n".join(missing))
    return notifications


def _loop(
    *,
    settings: NotifierSettings,
    topics: NotifierTopics,
    clients: KafkaClients,
    records: NotifierRecords,
    registry: Registry,
    watcher: FileWatcher,
    tracer: Tracer | None,
    metrics: NotifierMetrics,
    loop_metrics: LoopMetrics,
    progress: LoopProgress,
    stop: Event,
) -> NotifierLoop:
    """Build the loop."""
    group = partial(clients.consumer, settings.notifier_group)

    gatherer = Gatherer(group, topics, records, registry)

    def make_sender(receiver: Receiver) -> Sender:
        def figures_of(day: str) -> Figures:
            report = watcher.current.report
            if report is None:
                raise UsageError(f"{watcher.current.source} has no table [report] any more")
            return gatherer.gather(report, day)

        return sender_of(receiver, watcher.current.case_url, figures_of)

    workers = Workers(make_sender, metrics, AttemptTraces(tracer) if tracer else None)
    restorer = Restorer(
        group,
        records,
        alerts=topics.alerts.name,
        notifications=topics.notifications.name,
        silences=topics.silences.name,
        start=lambda: start_from(settings.start_notifying_from),
    )

    def make_session(known: list[Completed]) -> Session:
        return Session(
            topics=topics,
            consumer=group(auto_offset_reset="error"),
            producer=clients.producer(
                transactional_id=settings.notifier_group, transaction_timeout_ms=30_000, delivery_report_only_error=True
            ),
            records=records,
            restorer=restorer,
            make_dispatcher=lambda: Dispatcher(watcher.current, Silences()),
            workers=workers,
            known=known,
            reload=watcher.changed,
            metrics=metrics,
            loop_metrics=loop_metrics,
            progress=progress,
            stop=stop,
        )

    return NotifierLoop(
        make_session,
        workers=workers,
        retry_timeout=settings.retry_timeout,
        metrics=loop_metrics,
        progress=progress,
        stop=stop,
    )


def _waiting(loop: NotifierLoop) -> WaitingState | None:
    """Return what waits; None while the process stands by. Read by the thread of a scrape."""
    dispatcher = loop.session.dispatcher if loop.session else None
    if dispatcher is None:
        return None
    now = time.time()
    receivers = dict.fromkeys(dispatcher.notifications.receivers, (0, 0.0))
    for notification in list(dispatcher.outbox):
        count, age = receivers.get(notification.receiver, (0, 0.0))
        receivers[notification.receiver] = count + 1, max(age, now - notification.created_at)
    silences = sum(silence.holds_at(now) for silence in list(dispatcher.silences))
    return WaitingState(dispatcher.unsettled, len(dispatcher.groups), silences, receivers)


if __name__ == "__main__":
    parse_service_arguments("services.notifier", DESCRIPTION, [NotifierSettings, RegistrySettings], SCHEMAS_ENVIRONMENT)
    run_service(main)
