"""The command ``scripts/tail``."""

import argparse
import os
import select
import sys
from collections.abc import Iterator
from contextlib import closing

from services.contracts import MessageRecords, Registry, RegistrySettings
from services.errors import ExpectedError
from services.streaming.clients import KafkaClients, ping
from services.streaming.logs import configure_logging
from services.streaming.settings import KafkaSettings, librdkafka_properties, load_settings
from tools.clusters import cluster_variables
from tools.command_line import command_parser, print_error, whole_number
from tools.local_cluster import LocalCluster
from tools.tail.exact_json import dumps
from tools.tail.follower import Follower, partitions_of
from tools.tail.message_json import Received, describe
from tools.topics.batches import SingleTransactions

_EPILOG = """\
KAFKA_BROKER_URL and SCHEMA_REGISTRY_URL name the cluster; the local one is used where neither is set.

examples:
  scripts/tail streaming.transactions.fraud --from-beginning --max 3
  scripts/tail streaming.transactions.legit | jq -c '[.created_at, .amount]'
  scripts/tail queueing.transactions.dlq --from-beginning --until-end | jq '.headers'
"""


def main() -> int:
    """Run the command; the exit code."""
    options = _options()
    configure_logging("tail", "error")
    try:
        _tail(options)
    except ExpectedError as error:
        return print_error("tail", error)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # The reader, such as head, has seen enough; Python would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _options() -> argparse.Namespace:
    parser = command_parser(
        "tail", "Print the messages of a topic decoded, one JSON object a line, as they are committed.", _EPILOG
    )
    parser.add_argument("topic", metavar="TOPIC")
    parser.add_argument("--from-beginning", action="store_true", help="begin with the oldest message, not the next")
    parser.add_argument("--until-end", action="store_true", help="end where the topic ended at the start")
    parser.add_argument("--max", type=whole_number(1), metavar="N", help="end after N messages")
    parser.add_argument(
        "--meta", action="store_true", help="print topic, partition, offset, timestamp, key and headers as well"
    )
    return parser.parse_args()


def _tail(options: argparse.Namespace) -> None:
    os.environ.update(cluster_variables(os.environ, LocalCluster()))
    settings = load_settings(KafkaSettings, RegistrySettings)
    clients = KafkaClients(settings, librdkafka_properties(), client_id="tail")
    admin = clients.admin()
    ping(admin, settings.kafka_broker_url)
    partitions = partitions_of(admin, options.topic)
    with (
        Registry() as registry,
        closing(
            Follower(
                clients,
                options.topic,
                partitions,
                singles=SingleTransactions(registry),
                from_beginning=options.from_beginning,
                until_end=options.until_end,
            )
        ) as follower,
    ):
        records = MessageRecords(registry)
        left = options.max
        for batch in _until_closed(follower):
            shown = batch[:left]
            sys.stdout.writelines(
                f"{dumps(describe(message, records.decode, meta=options.meta))}\n" for message in shown
            )
            sys.stdout.flush()
            if left is not None:
                left -= len(shown)
                if not left:
                    return


def _until_closed(follower: Follower) -> Iterator[list[Received]]:
    """The batches, until the other end of the pipe is closed: on a quiet topic no write would find out."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    for batch in follower.batches():
        if any(events & select.POLLERR for _, events in poll.poll(0)):
            return
        yield batch


if __name__ == "__main__":
    sys.exit(main())
