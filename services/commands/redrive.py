"""`redrive`: puts dead letters back on the topics that they came from, once each, also over several runs.

Key, value, headers and timestamp are those of the original message, with the number of redrives as a further header.
Parts that did not fit into the dead-letter topic are read from the original topic. Only a message that is older than
half of its topic's retention gets the present time: the broker might delete it before it is read.

Exit codes: 0 done, 1 a topic is missing or wrong, or dead letters were refused (the others were redriven),
2 wrong usage, 3 no broker answers, 4 not authorised.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from confluent_kafka import KafkaException

from services.contracts import load_contracts
from services.errors import ContractError, ExpectedError, Unavailable
from services.streaming.authorisation import explain_refusals
from services.streaming.clients import KafkaClients
from services.streaming.dead_letter_format import UNREADABLE_HEADERS
from services.streaming.dead_letter_reading import DeadLetter, DeadLetterFilter
from services.streaming.failures import raise_if_refused, reason
from services.streaming.logs import configure_logging
from services.streaming.redrive_access import LEDGER, transactional_id
from services.streaming.redriver import Redriver, RedriveResult
from services.streaming.settings import KafkaSettings, librdkafka_properties, load_settings
from services.streaming.topics import await_brokers

DEAD_LETTERS = "queueing.transactions.dlq"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    configure_logging("redrive", "critical")  # errors are printed below, in a line
    try:
        result = _run(options)
    except ExpectedError as error:
        _complain(str(error))
        return error.exit_code
    would_be = "would be " if options.dry_run else ""
    for topic, count in sorted(result.redriven.items()):
        print(f"{count} {would_be}redriven to {topic}")
    if result.without_headers:
        print(f"{result.without_headers} of them without their headers, which can't be read")
    if result.refused:
        print(f"{result.refused} {would_be}refused")
    if not result.redriven and not result.refused:
        print("nothing to redrive")
    return 1 if result.refused else 0


class _Report:
    """Printer of refused dead letters, and in a dry run of the others."""

    def __init__(self, topic: str, *, dry_run: bool) -> None:
        self._topic = topic
        self._dry_run = dry_run

    def redriven(self, letter: DeadLetter) -> None:
        if not self._dry_run:
            return
        again = f", redriven {letter.redrives} times before" if letter.redrives else ""
        without = ", without its headers" if UNREADABLE_HEADERS in letter.omitted else ""
        print(
            f"{letter.position} to {letter.topic}: {letter.error.rpartition('.')[2]}: {letter.reason}{again}{without}"
        )

    def refused(self, letter: DeadLetter, cause: str) -> None:
        _complain(f"{self._topic}-{letter.position} refused: {cause}")


def _complain(text: str) -> None:
    for line in text.splitlines():
        print(f"redrive: {line}", file=sys.stderr)


def _run(options: argparse.Namespace) -> RedriveResult:
    contracts = load_contracts()
    inputs = contracts.inputs_of(options.topic)
    if not inputs:
        raise ContractError(
            f'{contracts.name}: no topic has dead_letter_topic = "{options.topic}": add that to the topics that its '
            "dead letters may be redriven to, or name the dead-letter topic with --topic"
        )
    settings = load_settings(KafkaSettings)
    # A record that was compressed on its topic may be too large for it without compression.
    properties = {"compression.type": "zstd"} | librdkafka_properties()
    clients = KafkaClients(settings, properties, client_id="redrive")
    await_brokers(clients.admin(), settings)
    selection = DeadLetterFilter(
        errors=tuple(options.error),
        since_ms=options.since,
        until_ms=options.until,
        partition=options.partition,
        offsets=options.offset,
    )
    redriver = Redriver(clients, options.topic, inputs, _Report(options.topic, dry_run=options.dry_run))
    refusals = explain_refusals(lambda: None, group="redrive", transactional_id=transactional_id(options.topic))
    try:
        with refusals:
            return redriver.run(selection, limit=options.max, dry_run=options.dry_run)
    except KafkaException as error:
        raise_if_refused(error)
        raise Unavailable(
            f"the brokers at {settings.kafka_broker_url} refused: {reason(error)}; run it again"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="redrive",
        description="Put dead letters back on the topic they came from, once each, however often this is run.",
        epilog=f"The redriven dead letters are recorded in the topic TOPIC{LEDGER}.",
    )
    topic = os.environ.get("DEAD_LETTER_TOPIC") or DEAD_LETTERS
    parser.add_argument("--topic", default=topic, help=f"the dead-letter topic (default: {topic})")
    error = "only those with this error, such as UnknownSchemaId; may be given more than once"
    parser.add_argument("--error", action="append", default=[], metavar="CLASS", help=error)
    since = "only messages with a timestamp from this on, ISO 8601, UTC by default"
    parser.add_argument("--since", type=_moment, metavar="TIME", help=since)
    parser.add_argument("--until", type=_moment, metavar="TIME", help="only messages with an earlier timestamp")
    parser.add_argument("--partition", type=int, metavar="N", help="only this partition of the dead-letter topic")
    parser.add_argument("--offset", type=_offsets, metavar="N[-M]", help="only this offset there, or N to M")
    parser.add_argument("--max", type=int, metavar="N", help="limit of their number, the oldest first")
    parser.add_argument(
        "--dry-run", action="store_true", help="list the dead letters with their errors, and change nothing"
    )
    return parser


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-01-31T12:00, not {text!r}") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _offsets(text: str) -> range:
    first, dash, last = text.partition("-")
    if not first.isdigit() or (dash and not last.isdigit()):
        raise argparse.ArgumentTypeError(f"expected an offset such as 17, or several such as 17-20, not {text!r}")
    return range(int(first), int(last if dash else first) + 1)


if __name__ == "__main__":
    sys.exit(main())
