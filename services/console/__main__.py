"""The console's composition root: reads the settings, builds the parts, serves the pages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from socket import socket
from threading import Event, Thread

import structlog
import uvicorn
from sqlalchemy import Engine

from services.console.access import access_of, transactional_id
from services.console.backtests.manager import Backtests
from services.console.backtests.process import run_worker
from services.console.clock import DAY
from services.console.explanations import Explanations
from services.console.metrics import NAMESPACE, CaseCollector
from services.console.monitor import Monitor
from services.console.publishing import DecisionPublisher, OutputTopic
from services.console.recent import RecentReader, RecentTransactions
from services.console.rules_catalog import RulesCatalog
from services.console.security.oidc import IdentityProvider
from services.console.security.people import create_link, has_users
from services.console.security.roles import ADMIN
from services.console.settings import ConsoleSettings
from services.console.startup import build_projector, case_options, consumer_factory
from services.console.storage.database import migrate, open_database, writing
from services.console.topics import ConsoleTopics
from services.console.web.app import build_app
from services.console.web.context import Console
from services.contracts import (
    SCHEMAS_ENVIRONMENT,
    NotRegistered,
    Registry,
    RegistrySettings,
    TopicContract,
    load_contracts,
)
from services.detection.settings import DetectorSettings
from services.detection.topics import DetectorTopics
from services.errors import UsageError
from services.explanation import Explainer
from services.rules.fields import fields_of_schema
from services.rules.loading import constants_of, load_rules
from services.streaming.access import await_access
from services.streaming.arguments import parse_service_arguments
from services.streaming.authorisation import explain_refusals
from services.streaming.certificate_renewal import watch_certificates
from services.streaming.certificates import CertificateCollector, certificates
from services.streaming.clients import KafkaClients
from services.streaming.credentials import watch_credentials
from services.streaming.endpoints import serve_endpoints
from services.streaming.lifecycle import run_service, stop_on_signals, wait_until
from services.streaming.logs import configure_logging
from services.streaming.metrics import ProgressCollector, new_registry
from services.streaming.progress import Progress
from services.streaming.settings import librdkafka_properties, load_settings, load_together
from services.streaming.topics import require_topics

log = structlog.get_logger()

DESCRIPTION = "Serve the console, in which people work on cases, until SIGTERM."
FIRST_LINK_MS = DAY


def main() -> int:
    """Serve the console until SIGTERM; return its exit code."""
    configure_logging("console")
    settings, registry_settings = load_together(
        lambda: load_settings(ConsoleSettings, RegistrySettings), RegistrySettings.load
    )
    configure_logging("console", settings.log_level)
    stop = stop_on_signals(grace=8)
    topics = ConsoleTopics.of(settings, load_contracts())
    properties = librdkafka_properties()
    clients = KafkaClients(settings, properties, client_id="console")
    watch_credentials(clients, stop)
    watch_certificates(properties, registry_settings.ca_file, stop)
    engine = open_database(settings.database_url.get_secret_value())
    collector, progress = new_registry(NAMESPACE), Progress()
    collector.register(ProgressCollector(progress, NAMESPACE))
    collector.register(CertificateCollector(certificates(properties, registry_settings.ca_file), NAMESPACE))
    serve_endpoints(collector, progress, settings.metrics_host, settings.metrics_port)
    wait_until(
        partial(migrate, engine), waiting_for="database", timeout=settings.startup_timeout, stop=stop, progress=progress
    )
    detectors = load_settings(DetectorSettings, RegistrySettings, ConsoleSettings)
    explained = DetectorTopics.of(detectors, load_contracts())
    access = access_of(settings, topics, explained)
    refusals = explain_refusals(
        lambda: require_topics(clients.admin(), access.topics),
        group=settings.consumer_group,
        transactional_id=transactional_id(settings),
    )
    with refusals, Registry(registry_settings) as registry:
        await_access(clients, settings, access, stop, progress)

        def output(topic: TopicContract) -> OutputTopic:
            registration = wait_until(
                partial(registry.require, topic.subject, topic.required_schema),
                waiting_for="schema registry",
                timeout=settings.startup_timeout,
                stop=stop,
                progress=progress,
                transient=(NotRegistered,),
            )
            return OutputTopic(topic.name, topic.required_schema, registration.id)

        publisher = DecisionPublisher(
            partial(clients.producer, transactional_id=transactional_id(settings), transaction_timeout_ms=15_000),
            output(topics.decisions),
            output(topics.labels),
            topics.legit.required_schema,
        )
        wait_until(
            publisher.open,
            waiting_for="transactional id",
            timeout=settings.startup_timeout,
            stop=stop,
            progress=progress,
        )
        console = _start(
            settings=settings, topics=topics, clients=clients, registry=registry, engine=engine, publisher=publisher,
            explain=Explanations(Explainer(detectors, explained, clients, registry)), progress=progress, stop=stop,
        )  # fmt: skip
        collector.register(CaseCollector(engine, lambda: console.projector.skipped))
        _serve(settings, console, stop, partial(_announce, settings, engine))
    return 0


def _start(
    *,
    settings: ConsoleSettings,
    topics: ConsoleTopics,
    clients: KafkaClients,
    registry: Registry,
    engine: Engine,
    publisher: DecisionPublisher,
    explain: Explanations,
    progress: Progress,
    stop: Event,
) -> Console:
    """Build the parts that work in threads of their own, and start them."""
    transaction = topics.legit.required_schema
    recent = RecentTransactions(settings.recent_transactions)
    projector = build_projector(
        settings, topics, clients=clients, registry=registry, engine=engine, progress=progress, stop=stop, recent=recent
    )
    monitor = Monitor(
        partial(clients.consumer, settings.consumer_group),
        settings.transactions_topic,
        settings.service_endpoints,
        stop,
    )
    # First what is around alerts, so that the contributors of the first alerts are at hand.
    RecentReader(
        recent,
        consumer_factory(clients),
        {topics.legit.name: "legit", topics.fraud.name: "fraud"},
        registry=registry,
        schema=transaction,
        capacity=settings.recent_transactions,
        stop=stop,
    ).start()
    projector.start()
    monitor.start()
    RulesCatalog(
        engine,
        lambda: load_rules(settings.rules_file, transaction, constants_of()),
        fields_of_schema(transaction),
        stop,
    ).start()
    return Console(
        settings=settings,
        engine=engine,
        projector=projector,
        publisher=publisher,
        recent=recent,
        options=case_options(settings, topics),
        monitor=monitor,
        explain=explain,
        backtests=Backtests(engine, partial(run_worker, seconds=settings.backtest_seconds)),
        identity=_identity(settings),
    )


def _identity(settings: ConsoleSettings) -> IdentityProvider | None:
    if not settings.oidc_issuer:
        return None
    return IdentityProvider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret.get_secret_value(),
        f"{settings.url}/login/callback",
        settings.oidc_role_claim,
    )


def _announce(settings: ConsoleSettings, engine: Engine) -> None:
    """Log the address; while there is no user, with a one-time link for the first admin."""
    with writing(engine).begin() as connection:
        link = "" if has_users(connection) else create_link(connection, ADMIN, FIRST_LINK_MS)
    if link:
        log.info("no user yet: open this link, once, within a day", link=f"{settings.url}/link?token={link}")
    else:
        log.info("serving", url=settings.url)


class _Server(uvicorn.Server):
    """Server that leaves signals to the service.

    Args:
        config: Its configuration.
        started: Called once it listens.
    """

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = started

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen; who follows the link that is announced then is not refused."""
        await super().startup(sockets)
        if self.started:
            self._on_start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: uvicorn would raise them again at its end."""
        yield


def _serve(settings: ConsoleSettings, console: Console, stop: Event, started: Callable[[], None]) -> None:
    """Serve the pages until a stop.

    Args:
        settings: The address.
        console: What is served.
        stop: Ends it when set.
        started: Called once it listens.

    Raises:
        UsageError: The port can't be bound.
    """
    server = _Server(
        uvicorn.Config(
            build_app(console),
            host=settings.console_host,
            port=settings.console_port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        ),
        started,
    )

    def end() -> None:
        stop.wait()
        server.should_exit = True

    Thread(target=end, name="stop", daemon=True).start()
    try:
        server.run()
    except SystemExit:  # uvicorn's way to say that it can't bind
        raise UsageError(f"CONSOLE_PORT: can't serve on {settings.console_host}:{settings.console_port}") from None


if __name__ == "__main__":
    parse_service_arguments("services.console", DESCRIPTION, [ConsoleSettings, RegistrySettings], SCHEMAS_ENVIRONMENT)
    run_service(main)
