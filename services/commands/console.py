"""The command ``scripts/console``: what is done with the console besides serving it."""

import argparse
import sys
import time
from collections.abc import Mapping
from threading import Event

from sqlalchemy import Engine, select

from services.console.clock import HOUR
from services.console.projection.projector import Projector
from services.console.projection.rebuild import clear, counts, require_whole, topic_bounds
from services.console.projection.topic_offsets import Partition
from services.console.security.people import create_link
from services.console.security.roles import ROLES
from services.console.settings import ConsoleSettings
from services.console.startup import build_projector, consumer_factory
from services.console.storage.database import migrate, open_database, writing
from services.console.storage.tables import users
from services.console.topics import ConsoleTopics
from services.contracts import Registry, RegistrySettings, load_contracts
from services.errors import ExpectedError, Unavailable, UsageError
from services.streaming.clients import KafkaClients, ping
from services.streaming.logs import configure_logging
from services.streaming.progress import Progress
from services.streaming.settings import librdkafka_properties, load_settings

QUIET_SECONDS = 60

EPILOG = """\
The settings of the console name the cluster and the database: python -m services.console --help lists them.

examples:
  scripts/console migrate
  scripts/console rebuild
  scripts/console link --role analyst            invites a person
  scripts/console link --user anna               logs a known user in, who has forgotten the password

exit codes: 0 done; 1 the topics no longer have everything; 2 wrong usage; 3 broker, registry or database is away;
4 not authorised
"""


def main() -> int:
    """Run the command; return its exit code."""
    options = _options()
    configure_logging("console", "error")
    try:
        settings = load_settings(ConsoleSettings, RegistrySettings)
        engine = open_database(settings.database_url.get_secret_value())
        migrate(engine)
        if options.command == "rebuild":
            rebuild(settings, engine, discard_expired=options.discard_expired)
        elif options.command == "link":
            print(link(settings, engine, role=options.role, user=options.user, hours=options.hours))
    except ExpectedError as error:
        for line in str(error).splitlines():
            print(f"console: {line}", file=sys.stderr)
        return error.exit_code
    return 0


def rebuild(settings: ConsoleSettings, engine: Engine, *, discard_expired: bool) -> None:
    """Make the projection again from the topics. A console that serves meanwhile goes on, and helps.

    Raises:
        ContractError: The topics no longer have everything that the database has.
        Unavailable: The brokers do not answer, or the projection stands still.
    """
    topics = ConsoleTopics.of(settings, load_contracts())
    clients = KafkaClients(settings, librdkafka_properties(), client_id="console-rebuild")
    ping(clients.admin(), settings.kafka_broker_url)
    started = time.monotonic()
    bounds = topic_bounds(consumer_factory(clients), (topics.alerts.name, topics.decisions.name))
    if not discard_expired:
        with engine.begin() as connection:
            require_whole(connection, bounds, topics.alerts.name, topics.decisions.name)
    clear(engine)
    stop = Event()
    with Registry() as registry:
        projector = build_projector(
            settings, topics, clients=clients, registry=registry, engine=engine, progress=Progress(), stop=stop
        )
        projector.start()
        try:
            _await_end(bounds, projector)
        finally:
            stop.set()
    with engine.begin() as connection:
        made = ", ".join(f"{number:,} {name}" for name, number in counts(connection).items())
    print(f"rebuilt in {time.monotonic() - started:.1f} s: {made}; {projector.skipped} records could not be read")


def _await_end(bounds: Mapping[Partition, tuple[int, int]], projector: Projector) -> None:
    version, since = -1, time.monotonic()
    while any(projector.position(partition) < high for partition, (_low, high) in bounds.items()):
        if projector.version != version:
            version, since = projector.version, time.monotonic()
        elif time.monotonic() - since > QUIET_SECONDS:
            raise Unavailable(f"nothing was projected for {QUIET_SECONDS} s; is a transaction left open?")
        time.sleep(0.1)


def link(settings: ConsoleSettings, engine: Engine, *, role: str | None, user: str | None, hours: float) -> str:
    """Return a new one-time link.

    Raises:
        UsageError: There is no such user.
    """
    with writing(engine).begin() as connection:
        if user is not None:
            role = connection.scalar(select(users.c.role).where(users.c.name == user))
            if role is None:
                raise UsageError(f"there is no user {user}; --role makes a link for a new one")
        token = create_link(connection, role or "admin", round(hours * HOUR), user=user)
    return f"{settings.url}/link?token={token}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="console",
        description="Migrate and rebuild the database of the console, and make one-time links to it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the tables to the version of this console; it does so at its start, too")
    again = commands.add_parser("rebuild", help="make what is in the database again from the topics")
    again.add_argument("--discard-expired", action="store_true", help="also where the topics have lost records")
    made = commands.add_parser("link", help="print a one-time link")
    whom = made.add_mutually_exclusive_group(required=True)
    whom.add_argument("--role", choices=ROLES, help="for a new user of this role")
    whom.add_argument("--user", help="for this user")
    made.add_argument("--hours", type=float, default=24, help="valid for so long (24)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
