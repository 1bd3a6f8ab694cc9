"""The command ``scripts/explain``."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.contracts import Registry, RegistrySettings, load_contracts
from services.detection.settings import DetectorSettings
from services.detection.topics import DetectorTopics
from services.errors import ExpectedError, UsageError
from services.explanation import Explainer, TransactionExplanation
from services.rules.explanation import Explanation, explain
from services.rules.fields import fields_of_schema
from services.rules.loading import constants_of, load_rules
from services.rules.model import KEY
from services.rules.topology import build_topology
from services.streaming.clients import KafkaClients, ping
from services.streaming.logs import configure_logging
from services.streaming.settings import librdkafka_properties, load_settings
from tools.clusters import cluster_variables
from tools.command_line import INTERRUPTED, command_parser, moment, print_error
from tools.explain.history_logs import HistoryLogs
from tools.explain.report import json_of, lines_of
from tools.history.file_input import FileInput
from tools.local_cluster import LocalCluster
from tools.tail.exact_json import dumps
from tools.transaction_files.options import add_profile_options, expanded, ordering_of, profile_of
from tools.transaction_files.row_reader import RowReader

_EPILOG = """\
The verdict is evaluated again from the topics, by the rules that were in force: their text is on RULES_TOPIC. For a
transaction that no rule matched, each rule says how far it was from it. The settings are those of the detectors;
KAFKA_BROKER_URL and SCHEMA_REGISTRY_URL name the cluster, and the local one is used where neither is set.

examples:
  scripts/explain 5d6c2c5e-2d3d-4c39-8a35-0d3c1f3c2f11
  scripts/explain ID --since 2026-01-31T08:00    begin to look there: a topic of days takes minutes to search
  scripts/explain ID --rules changed.toml        what if these rules had been in force?
  scripts/explain ID --file transactions.csv --preset handbook --json

exit codes:
  0 done; 1 there is no such transaction, its rules can't be had, or the verdict that was written is another one;
  2 wrong usage; 3 broker or registry can't be reached; 4 not authorised
"""


class _Settings(DetectorSettings):
    """Settings of the detectors; a file needs no broker."""

    kafka_broker_url: str = "localhost:9092"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parsed(arguments)
    configure_logging("explain", "error")
    try:
        return _explain(options)
    except ExpectedError as error:
        return print_error("explain", error)
    except KeyboardInterrupt:
        return INTERRUPTED


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("explain", "Say why the verdict of a transaction is what it is.", _EPILOG)
    parser.add_argument("id", metavar="ID", help="the transaction")
    parser.add_argument("--rules", type=Path, metavar="FILE", help="what if: evaluate it by these rules")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--from-topic", nargs="?", const="", metavar="TOPIC", help="the default: TRANSACTIONS_TOPIC")
    source.add_argument(
        "--file",
        action="append",
        type=Path,
        metavar="FILE",
        help="read CSV, JSON or Parquet, also packed; may be given again",
    )
    parser.add_argument("--since", type=moment, metavar="TIME", help="begin to look at messages written then (UTC)")
    add_profile_options(parser, files=None)
    return parser.parse_args(arguments)


def _explain(options: argparse.Namespace) -> int:
    if options.file:
        if options.since:
            raise UsageError("--since is for a topic: a file is read from its beginning")
        _print(options, *_from_file(options), None)
        return 0
    if options.from_topic:
        os.environ["TRANSACTIONS_TOPIC"] = options.from_topic
    found = _from_topic(options)
    _print(options, found.transaction, found.explanation, found)
    return 1 if found.agrees is False else 0


def _from_topic(options: argparse.Namespace) -> TransactionExplanation:
    os.environ.update(cluster_variables(os.environ, LocalCluster()))
    settings = load_settings(_Settings, RegistrySettings)
    topics = DetectorTopics.of(settings, load_contracts())
    rules = None
    if options.rules:
        rules = load_rules(options.rules, topics.schema, constants_of(settings.suspicious_amount))
    clients = KafkaClients(settings, librdkafka_properties(), client_id="explain")
    ping(clients.admin(), settings.kafka_broker_url)
    since_ms = round(options.since.timestamp() * 1000) if options.since else 0
    with Registry() as registry:
        return Explainer(settings, topics, clients, registry).explain(options.id, since_ms, rules)


def _from_file(options: argparse.Namespace) -> tuple[Mapping[str, Any], Explanation]:
    settings = load_settings(_Settings, RegistrySettings)
    contract = load_contracts().topic(settings.transactions_topic)
    schema = contract.required_schema
    rules = load_rules(options.rules or settings.rules_file, schema, constants_of(settings.suspicious_amount))
    topology = build_topology(rules, settings.stages(KEY), [model.name for model in rules.models])
    lateness_ms = round(settings.allowed_lateness * 1000)
    reader = RowReader(expanded(options.file), profile_of(options), schema)
    name = ", ".join(map(str, options.file))
    source = FileInput(reader, name, contract.partitions, lateness_ms, ordering_of(options), options.lookup)
    logs = HistoryLogs.read(source.blocks(), options.id, contract.partitions)
    fields = dict(fields_of_schema(schema))
    return logs.transaction(fields), explain(topology, logs.of, fields, lateness_ms)


def _print(
    options: argparse.Namespace,
    transaction: Mapping[str, Any],
    explanation: Explanation,
    found: TransactionExplanation | None,
) -> None:
    if options.json:
        print(dumps(json_of(transaction, explanation, found)))
    else:
        print("\n".join(lines_of(transaction, explanation, found)))


if __name__ == "__main__":
    sys.exit(main())
