"""The command ``scripts/replay``.

Exit codes: 0 every row was sent, 1 a row doesn't fit, a message was not delivered or the replay was ended early, 2 a
setting, an argument or a file is of no use, 3 broker or registry can't be reached, 4 not authorised.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from threading import Event

from prometheus_client import CollectorRegistry

from services.contracts import Contracts, Registry, RegistrySettings, TopicContract, load_contracts
from services.errors import ExpectedError
from services.generator.metrics import GeneratorMetrics
from services.generator.publisher import Publisher
from services.streaming.access import Access, await_access
from services.streaming.authorisation import WRITE
from services.streaming.clients import KafkaClients
from services.streaming.lifecycle import Stopped, spare_garbage_collection, stop_on_signals, wait_until
from services.streaming.logs import configure_logging
from services.streaming.settings import (
    EnvironmentSettings,
    KafkaSettings,
    librdkafka_properties,
    load_settings,
    load_together,
)
from services.streaming.topics import TopicNeed
from tools.clusters import cluster_variables
from tools.command_line import command_parser, positive_number, print_error, whole_number
from tools.local_cluster import LocalCluster
from tools.replay.pacer import Pace
from tools.replay.progress import Figures, show_replay
from tools.replay.replay import Replay
from tools.replay.sender import Encoder, Sender
from tools.replay.summary import summary_table
from tools.tables import terminal
from tools.transaction_files.accounts import write_lookup
from tools.transaction_files.guessing import propose
from tools.transaction_files.guessing.report import report
from tools.transaction_files.notes import lookup_note, notes_of
from tools.transaction_files.options import add_profile_options, expanded, ordering_of, profile_of
from tools.transaction_files.profile_file import new_profile
from tools.transaction_files.row_reader import RowReader
from tools.transaction_files.time_order import LATENESS_MS, in_time_order, order_of

_EPILOG = """\
KAFKA_BROKER_URL and SCHEMA_REGISTRY_URL name the cluster; the local one is used where neither is set.

examples:
  scripts/replay payments.csv --guess                      look at the file and propose a profile
  scripts/replay payments.csv --profile payments --dry-run
  scripts/replay payments.csv --profile payments --speed 60
  scripts/replay --profile handbook transactions.csv
  scripts/replay 'statement-*.csv' --map source=Account --map target=Payee --map amount=Value --signed negative \\
      --map created_at=Date+Time --time day-first --decimal , --set currency=EUR
"""


class Topics(EnvironmentSettings):
    """Topics of transactions and labels."""

    transactions_topic: str = "queueing.transactions"
    labels_topic: str = "queueing.transactions.labels"


def main() -> int:
    """Run the command and return the exit code."""
    options = _options()
    configure_logging("replay", "warning")
    try:
        if options.guess:
            return _guess(options)
        figures = _replay(options)
    except Stopped as error:
        print(f"replay: {error}: nothing was sent", file=sys.stderr)
        return 1
    except ExpectedError as error:
        return print_error("replay", error)
    return 0 if figures.complete and not figures.unfit else 1


def _options() -> argparse.Namespace:
    parser = command_parser(
        "replay", "Send transactions from files to the input topic, and what is known about them as labels.", _EPILOG
    )
    parser.usage = "scripts/replay FILE... [--guess | --dry-run] [--profile PROFILE] [options]"
    group = parser.add_argument_group("what to do")
    group.add_argument(
        "--guess", action="store_true", help="propose a profile by the first rows, write it to profiles/, send nothing"
    )
    group.add_argument("--as", dest="name", metavar="NAME", help="name of the proposed profile (default: the file's)")
    group.add_argument("--dry-run", action="store_true", help="read and check everything, send nothing")
    group.add_argument(
        "--speed",
        type=positive_number,
        metavar="X",
        help="factor of the original speed (default: as fast as it can)",
    )
    group.add_argument(
        "--max-errors",
        type=whole_number(0),
        default=1000,
        metavar="N",
        help="end after more than N unfit rows (1000)",
    )
    group.add_argument("--json", action="store_true", help="print the figures as a JSON object")
    add_profile_options(parser)
    return parser.parse_args()


def _replay(options: argparse.Namespace) -> Figures:
    profile, ordering = profile_of(options), ordering_of(options)
    topics = load_settings(Topics, KafkaSettings, RegistrySettings)
    contracts = load_contracts()
    reader = RowReader(expanded(options.files), profile, contracts.topic(topics.transactions_topic).required_schema)
    stop = stop_on_signals()
    spare_garbage_collection()
    began = time.monotonic()
    order = order_of(reader, LATENESS_MS)
    blocks = in_time_order(reader, order, ordering)
    sender = None if options.dry_run else _sender(topics, contracts, options.speed, stop)
    with show_replay() as progress:
        run = Replay(blocks, sender, progress, stop)
        failure = None
        try:
            run.run(options.max_errors)
            run.finish()
        except ExpectedError as error:
            failure = error
            with suppress(ExpectedError):
                run.finish()
    notes = notes_of(reader, order, ordering, run.left_out)
    if (shortened := reader.readers.accounts.shortened) and not options.dry_run:
        write_lookup(options.lookup, shortened)
        notes.append(lookup_note(options.lookup, len(shortened)))
    figures = Figures(
        run.sent, run.unfit, time.monotonic() - began, run.complete, options.dry_run, str(order), run.left_out, notes
    )
    if options.json:
        print(figures.as_json())
    elif options.dry_run:
        terminal().print(summary_table(figures, run.summary, reader, topics.transactions_topic))
    else:
        print(figures.as_text(topics.transactions_topic, topics.labels_topic))
    if failure is not None:
        raise failure
    return figures


def _guess(options: argparse.Namespace) -> int:
    """Propose a profile for the first file, write it, and return the exit code."""
    topics = load_settings(Topics, KafkaSettings, RegistrySettings)
    path = expanded(options.files)[0]
    proposal = propose(path, profile_of(options), load_contracts().topic(topics.transactions_topic).required_schema)
    written = None if proposal.shipped else new_profile(options.name or path.name.partition(".")[0], proposal.profile)
    terminal().print(report(proposal, written))
    return 0 if proposal.block is not None and len(proposal.block) else 1


def access_of(topics: Sequence[TopicContract]) -> Access:
    """Return what the command does on Kafka.

    Args:
        topics: Topics of transactions and labels.
    """
    return Access("replay", [TopicNeed(topic.name, topic.partitions, (WRITE,)) for topic in topics])


def _sender(topics: Topics, contracts: Contracts, speed: float | None, stop: Event) -> Sender:
    os.environ.update(cluster_variables(os.environ, LocalCluster()))
    settings, registry_settings = load_together(
        lambda: load_settings(KafkaSettings, RegistrySettings), RegistrySettings.load
    )
    clients = KafkaClients(settings, librdkafka_properties(), client_id="replay")
    both = [contracts.topic(name) for name in (topics.transactions_topic, topics.labels_topic)]
    await_access(clients, settings, access_of(both), stop)
    with Registry(registry_settings) as registry:
        registered = [
            (
                topic.required_schema,
                wait_until(
                    partial(registry.require, topic.subject, topic.required_schema),
                    waiting_for="schema registry",
                    timeout=settings.startup_timeout,
                    stop=stop,
                ).id,
            )
            for topic in both
        ]
    publisher = Publisher(
        clients.producer(delivery_report_only_error=True),
        topics.transactions_topic,
        GeneratorMetrics(CollectorRegistry()),
        stop,
        topics.labels_topic,
    )
    return Sender(Encoder(*registered), publisher, Pace(speed) if speed else None, stop)


if __name__ == "__main__":
    sys.exit(main())
