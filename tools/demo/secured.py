"""The demo on a secured cluster: each service with its own user and ACLs, and proof that others are refused."""

import os
from collections.abc import Callable, Mapping

from services.contracts import Contracts, Registry, RegistrySettings
from services.errors import FatalError, NotAuthorised, UsageError
from services.generator import access as generator
from services.generator.settings import GeneratorSettings
from services.streaming.authorisation import READ
from services.streaming.clients import KafkaClients, ping
from services.streaming.settings import KafkaSettings, librdkafka_properties, load_settings
from services.streaming.topics import TopicNeed, require_topics
from tools.acls.__main__ import acls_of
from tools.acls.broker import add, compare, remove
from tools.acls.programs import programs
from tools.demo.display import Display

ACCESS, REFUSED = "access", "refused"

_TIMEOUT = 10.0


def grant_access(display: Display, clients: KafkaClients, contracts: Contracts) -> None:
    """Give each program's user the least ACLs that suffice, and no others.

    Raises:
        ExpectedError: The brokers don't answer, or refuse.
    """
    with display.step(ACCESS, "granting what each service needs") as step:
        settings = load_settings(
            GeneratorSettings, RegistrySettings, scenarios=os.environ.get("SCENARIOS") or "standard"
        )
        accesses = {access.program: access for access in programs(contracts)}
        accesses["generator"] = generator.access_of(settings, contracts)
        acls = acls_of(list(accesses.values()))
        admin = clients.admin()
        difference = compare(admin, acls)
        add(admin, difference.missing)
        remove(admin, difference.surplus)
        step.detail = f"{len(acls)} ACLs for {len(accesses)} users, nothing else"


def show_refusals(display: Display, login: Callable[[str], Mapping[str, str]], topic: str) -> tuple[str, ...]:
    """Have those try who may not, and return who was refused.

    Args:
        display: Shows the step.
        login: Variables of a user.
        topic: Topic that the generator may write and not read.

    Raises:
        FatalError: One of them was not refused.
    """
    variables = login("generator")
    settings = load_settings(KafkaSettings)
    secured = librdkafka_properties(variables)

    def greet(properties: Mapping[str, str]) -> None:
        ping(KafkaClients(settings, properties, client_id="demo").admin(), settings.kafka_broker_url, _TIMEOUT)

    def read() -> None:
        admin = KafkaClients(settings, secured, client_id="demo").admin()
        require_topics(admin, [TopicNeed(topic, 1, (READ,))])

    def ask_registry() -> None:
        with Registry(RegistrySettings.load(basic_auth="", retries=0)) as registry:
            registry.subjects()

    attempts: Mapping[str, Callable[[], None]] = {
        "a plaintext client": lambda: greet({}),
        "an unknown user": lambda: greet(secured | {"sasl.username": "unknown"}),
        "the generator, to read what it writes": read,
        "a stranger at the registry": ask_registry,
    }
    with display.step(REFUSED, "having others try") as step:
        for who, attempt in attempts.items():
            if not _is_refused(attempt):
                raise FatalError(f"{who} was not refused: look at the cluster's listeners and ACLs")
        step.detail = "; ".join(attempts)
    return tuple(attempts)


def _is_refused(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except (NotAuthorised, UsageError):  # UsageError: another security protocol than the broker's
        return True
    return False
