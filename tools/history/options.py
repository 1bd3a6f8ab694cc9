"""The arguments that say which transactions, and with what rules."""

import argparse
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Protocol

from services.contracts import Contracts, Registry, RegistrySettings
from services.detection.settings import DEFAULT_RULES, DetectorSettings
from services.errors import UsageError
from services.history.blocks import Block
from services.history.topic_input import TopicInput, TopicSettings
from services.rules.loading import constants_of, load_rules
from services.rules.model import KEY, RuleSet
from services.rules.topology import ONLY_LATER, build_topology, windows_beyond_retention
from services.streaming.clients import KafkaClients, ping
from services.streaming.settings import KafkaSettings, librdkafka_properties, load_settings
from tools.clusters import cluster_variables
from tools.command_line import moment, positive_number, whole_number
from tools.history.file_input import FileInput
from tools.history.generated_input import StreamInput, StreamSettings
from tools.local_cluster import LocalCluster
from tools.transaction_files.options import add_profile_options, expanded, ordering_of, profile_of
from tools.transaction_files.row_reader import RowReader

_ROOT = Path(__file__).parents[2]
_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DEFAULTS = StreamSettings()
_LATENESS = timedelta(seconds=DetectorSettings.model_fields["allowed_lateness"].default)


class Input(Protocol):
    """A source of past transactions."""

    @property
    def name(self) -> str:
        """Name in reports."""

    @property
    def partitions(self) -> int:
        """Number of partitions, each with windows and a watermark of its own."""

    @property
    def labelled(self) -> int:
        """Return the number of transactions of which the truth is known; right once all blocks were taken."""

    def blocks(self) -> Iterator[Block]:
        """The transactions in the order of the log."""

    def notes(self) -> list[str]:
        """Remarks on the transactions, once all blocks were read."""


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `open_input` reads."""
    group = parser.add_argument_group("transactions: by default a generated stream, the same every time")
    group.add_argument(
        "--scenarios", metavar="MIX", help="standard, NAME[=RATE],..., or a TOML file (default: standard)"
    )
    group.add_argument("--seed", type=int, metavar="N", help=f"of the stream (default: {_DEFAULTS.seed})")
    group.add_argument("--transactions", type=whole_number(1), metavar="N", help=f"default: {_DEFAULTS.transactions}")
    group.add_argument("--accounts", type=whole_number(1), metavar="N", help=f"default: {_DEFAULTS.accounts}")
    group.add_argument(
        "--rate",
        type=positive_number,
        metavar="R",
        help=f"transactions a second of event time ({_DEFAULTS.rate})",
    )
    group.add_argument(
        "--from-topic", nargs="?", const=_input_topic(), metavar="TOPIC",
        help=f"read this topic instead, read committed, to where it ends now (default: {_input_topic()}). "
        "KAFKA_BROKER_URL and SCHEMA_REGISTRY_URL name the cluster; the local one is used where neither is set",
    )  # fmt: skip
    group.add_argument(
        "--labels-topic",
        metavar="TOPIC",
        help="the truth about them (evaluate: by default the topic's name.labels; "
        "backtest: by default it does without)",
    )
    group.add_argument(
        "--from", dest="begin", type=moment, metavar="TIME", help="messages written from this time on (UTC)"
    )
    group.add_argument("--to", dest="end", type=moment, metavar="TIME", help="messages written before this time (UTC)")
    group.add_argument(
        "--file",
        action="append",
        type=Path,
        metavar="FILE",
        help="read CSV, JSON or Parquet, also packed; may be given again",
    )
    parser.add_argument(
        "--lateness", type=_duration, default=_LATENESS, metavar="TIME",
        help=f"ALLOWED_LATENESS of the detector, such as 90s or 1h (default: {_LATENESS.total_seconds():.0f}s)",
    )  # fmt: skip
    parser.add_argument(
        "--suspicious-amount", type=_amount, default=constants_of()["suspicious_amount"], metavar="AMOUNT",
        help="SUSPICIOUS_AMOUNT of the detector (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--partitions", type=whole_number(1), metavar="N",
        help="spread a stream or file over so many partitions (default: as many as the topic has)",
    )  # fmt: skip
    add_profile_options(parser, files=None)


def topic_of(options: argparse.Namespace) -> str:
    """The topic whose contract says what a transaction is: the one that is read, or the input topic."""
    return str(options.from_topic or _input_topic())


def _input_topic() -> str:
    return os.environ.get("TRANSACTIONS_TOPIC") or str(DetectorSettings.model_fields["transactions_topic"].default)


def load(path: Path | None, options: argparse.Namespace, contracts: Contracts) -> RuleSet:
    """The rules of a file; by default of the one that RULES_FILE names, or the detector's own.

    Raises:
        RulesError: One line for each fault, with file and line.
    """
    schema = contracts.topic(topic_of(options)).required_schema
    return load_rules(
        path or Path(os.environ.get("RULES_FILE") or DEFAULT_RULES), schema, constants_of(options.suspicious_amount)
    )


def retention_notes(rules: RuleSet, contracts: Contracts, options: argparse.Namespace) -> list[str]:
    """Remarks on windows that a detector couldn't fill from its topics, as `scripts/check-rules` makes them."""
    topics = DetectorSettings.model_construct().stages(KEY)
    retention_ms = {topic.name: topic.retention_ms for topic in contracts.topics}
    lateness_ms = round(options.lateness.total_seconds() * 1000)
    beyond = windows_beyond_retention(build_topology(rules, topics), retention_ms, lateness_ms)
    keeps = f"the state topic keeps such a window, {ONLY_LATER}; without one a detector refuses it"
    return [f"{beyond}; {keeps}"] if beyond else []


def shown(path: str) -> str:
    """A path as people know it: from where they are, or from the root of the repository."""
    for root in (Path.cwd(), _ROOT):
        if Path(path).is_relative_to(root):
            return str(Path(path).relative_to(root))
    return path


@contextmanager
def open_input(options: argparse.Namespace, contracts: Contracts, *, longest_ms: int, labels: bool) -> Iterator[Input]:
    """The input that the arguments name.

    Args:
        options: The arguments.
        contracts: The contracts of the topics.
        longest_ms: The length of the longest window: so much is read before the time that is asked for.
        labels: Whether the truth is wanted; without it a topic of labels need not be there.

    Raises:
        UsageError: Arguments contradict each other, or a file can't be used.
        ExpectedError: The cluster can't be had.
    """
    chosen = [name for name in ("from_topic", "file") if getattr(options, name)]
    stream = {name: getattr(options, name) for name in ("scenarios", "seed", "transactions", "accounts", "rate")}
    given = [f"--{name}" for name, value in stream.items() if value is not None]
    if len(chosen) > 1 or (chosen and given):
        names = [f"--{name.replace('_', '-')}" for name in chosen] + given
        raise UsageError(f"{', '.join(names)}: choose one of a stream, a topic and files")
    if (options.begin or options.end or options.labels_topic) and not options.from_topic:
        raise UsageError("--from, --to and --labels-topic need --from-topic")
    with _opened(options, contracts, stream, longest_ms=longest_ms, labels=labels) as source:
        yield source


def _opened(
    options: argparse.Namespace, contracts: Contracts, stream: dict[str, object], *, longest_ms: int, labels: bool
) -> AbstractContextManager[Input]:
    partitions = options.partitions or contracts.topic(topic_of(options)).partitions
    if options.from_topic:
        return _topic(options, contracts, timedelta(milliseconds=longest_ms) + options.lateness, labels=labels)
    if options.file:
        schema = contracts.topic(topic_of(options)).required_schema
        reader = RowReader(expanded(options.file), profile_of(options), schema)
        lateness_ms = round(options.lateness.total_seconds() * 1000)
        name = ", ".join(map(str, options.file))
        return nullcontext(FileInput(reader, name, partitions, lateness_ms, ordering_of(options), options.lookup))
    settings = {name: value for name, value in stream.items() if value is not None}
    return nullcontext(StreamInput(StreamSettings(**settings), partitions))  # type: ignore[arg-type]


@contextmanager
def _topic(options: argparse.Namespace, contracts: Contracts, fill: timedelta, *, labels: bool) -> Iterator[Input]:
    topic = options.from_topic
    os.environ.update(cluster_variables(os.environ, LocalCluster()))
    settings = load_settings(KafkaSettings, RegistrySettings)
    clients = KafkaClients(settings, librdkafka_properties(), client_id="history")
    ping(clients.admin(), settings.kafka_broker_url)
    selection = TopicSettings(
        topic,
        _labels_topic(options) if labels or options.labels_topic else None,
        options.begin,
        options.end,
        fill,
    )
    with Registry() as registry:
        yield TopicInput(clients, registry, contracts, selection)


def _labels_topic(options: argparse.Namespace) -> str:
    return options.labels_topic or os.environ.get("LABELS_TOPIC") or f"{options.from_topic}.labels"


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise argparse.ArgumentTypeError(f"expected an amount such as 900 or 12.50, found {text!r}")
    return amount


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a duration such as 90s, 10m or 1h, found {text!r}")
    return timedelta(milliseconds=int(match[1]) * _UNITS[match[2]])
