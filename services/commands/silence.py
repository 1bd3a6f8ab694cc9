"""`silence`: tells the notifier of which alerts nobody is to be told for a time, who wants that, and why.

    silence add --match rule=fan-in --match target=shop00000001 --for 2h --reason "known merchant, ticket 4711"
    silence list
    silence expire ID

Every silence is a record of the topic of silences: what was silenced, by whom and why, stays readable there.

Exit codes: 0 done, 1 there is no such silence, or a topic or schema is missing, 2 wrong usage, 3 no broker or registry
answers, 4 not authorised.
"""

import argparse
import getpass
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event

from confluent_kafka import KafkaError, KafkaException, Message

from services.contracts import MessageRecords, RecordEncoder, Registry, RegistrySettings, frame, load_contracts
from services.errors import ContractError, ExpectedError, Unavailable, UsageError
from services.notifier.condition_reading import FieldReader
from services.notifier.matching import Condition, Matcher
from services.notifier.settings import NotifierSettings
from services.notifier.silences import MAX_SECONDS, Silence, Silences
from services.notifier.topics import NotifierTopics, transaction_schema
from services.rules.aggregations import read_duration
from services.rules.fields import fields_of_schema
from services.streaming.access import Access, await_access
from services.streaming.authorisation import READ, WRITE
from services.streaming.clients import KafkaClients
from services.streaming.failures import raise_if_refused, reason
from services.streaming.logs import configure_logging
from services.streaming.settings import librdkafka_properties, load_settings
from services.streaming.topic_reader import TopicReader
from services.streaming.topics import TopicNeed

_PROGRAM = "silence"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    configure_logging(_PROGRAM, "critical")  # errors are printed below, in a line
    try:
        settings = load_settings(NotifierSettings, RegistrySettings)
        with Registry(RegistrySettings.load()) as registry:
            _COMMANDS[options.command](_Silencer(settings, registry), options)
    except ExpectedError as error:
        for line in str(error).splitlines():
            print(f"{_PROGRAM}: {line}", file=sys.stderr)
        return error.exit_code
    return 0


def access_of(topics: NotifierTopics) -> Access:
    """Return what the command does on Kafka."""
    return Access(_PROGRAM, [TopicNeed(topics.silences.name, topics.silences.partitions, (READ, WRITE))])


class _Silencer:
    """Reads and writes silences.

    Args:
        settings: Brokers and topics.
        registry: Knows the schemas.
    """

    def __init__(self, settings: NotifierSettings, registry: Registry) -> None:
        topics = NotifierTopics.of(settings, load_contracts())
        self._contract = topics.silences
        self._registry = registry
        self._clients = KafkaClients(settings, librdkafka_properties(), client_id=_PROGRAM)
        self.fields = FieldReader(fields_of_schema(transaction_schema(topics)))
        await_access(self._clients, settings, access_of(topics), Event())

    def read(self) -> list[Silence]:
        """Return the newest record of each silence, the one that ends first first."""
        records = MessageRecords(self._registry, self._contract.required_schema)
        silences = Silences()
        reader = TopicReader(lambda **config: self._clients.consumer(_PROGRAM, **config))
        for messages in reader.read(self._contract.name):
            for message in messages:
                silences.put(Silence.of(records.decode(message.value(), None)))
        return sorted(silences, key=lambda silence: silence.ends_at)

    def write(self, silence: Silence) -> None:
        """Write a silence, and wait until a broker has it."""
        schema = self._contract.required_schema
        schema_id = self._registry.require(self._contract.subject, schema).id
        value = frame(schema_id, RecordEncoder(schema.json).encode(silence.record()))
        failures: list[KafkaException] = []
        producer = self._clients.producer()

        def note(error: KafkaError | None, _message: Message) -> None:
            if error:
                failures.append(KafkaException(error))

        producer.produce(self._contract.name, value, silence.id.bytes, on_delivery=note)
        if producer.flush(30):
            raise Unavailable(f"{self._contract.name}: no broker took the record within 30 s; run it again")
        for failure in failures:
            raise_if_refused(failure)
            raise Unavailable(f"{self._contract.name}: not written: {reason(failure)}; run it again")


def _add(silencer: _Silencer, options: argparse.Namespace) -> None:
    now = time.time()
    starts_at = options.start if options.start is not None else now
    ends_at = options.until if options.until is not None else starts_at + options.duration
    if ends_at <= max(now, starts_at):
        raise UsageError("the silence would be over before it begins: expected a later --until")
    if ends_at - now > MAX_SECONDS:
        raise UsageError(
            f"a silence ends within {MAX_SECONDS // 86_400} days; renew it when it ends, or change the rule"
        )
    matcher = Matcher(tuple(_condition(silencer.fields, text) for text in options.match))
    silence = Silence(uuid.uuid4(), matcher, options.author, options.reason, starts_at, ends_at, now)
    silencer.write(silence)
    print(silence.id)
    print(f"{_shown(silence)}", file=sys.stderr)


def _list(silencer: _Silencer, options: argparse.Namespace) -> None:
    now = time.time()
    silences = [silence for silence in silencer.read() if options.all or silence.ends_at > now]
    for silence in silences:
        state = "ended" if silence.ends_at <= now else "holds" if silence.starts_at <= now else "will hold"
        print(f"{silence.id}  {state}  {_shown(silence)}")
    if not silences:
        print("no silences", file=sys.stderr)


def _expire(silencer: _Silencer, options: argparse.Namespace) -> None:
    now = time.time()
    matches = [silence for silence in silencer.read() if str(silence.id).startswith(options.id.lower())]
    if len(matches) != 1:
        found = "there is no silence" if not matches else f"{len(matches)} silences"
        raise ContractError(f"{found} whose id begins with {options.id}; silence list shows them")
    (silence,) = matches
    if silence.ends_at <= now:
        raise ContractError(f"{silence.id} has ended already, at {_time(silence.ends_at)}")
    silencer.write(replace(silence, starts_at=min(silence.starts_at, now), ends_at=now, recorded_at=now))
    print(f"{silence.id} ends now", file=sys.stderr)


_COMMANDS = {"add": _add, "list": _list, "expire": _expire}


def _condition(fields: FieldReader, text: str) -> Condition:
    """Return the condition in an argument: field=value,value or field>=value or field<=value."""
    for sign, key in ((">=", "at_least"), ("<=", "at_most"), ("=", "")):
        name, found, value = text.partition(sign)
        if not found:
            continue
        try:
            return fields.condition(name.strip(), {key: value} if key else [part for part in value.split(",") if part])
        except ValueError as error:
            raise UsageError(f"--match {text}: {error}") from None
    raise UsageError(f"--match {text}: expected field=value, field>=value or field<=value")


def _shown(silence: Silence) -> str:
    return (
        f"{silence.matcher}; {_time(silence.starts_at)} to {_time(silence.ends_at)}; {silence.author}: {silence.reason}"
    )


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Silence alerts for a time.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="silence alerts; prints the id")
    match = "what is silenced: rule=fan-in, target=ID,ID, severity<=medium; all that are given have to be true"
    add.add_argument("--match", action="append", required=True, metavar="FIELD=VALUE", help=match)
    add.add_argument("--reason", required=True, type=_text, help="why")
    add.add_argument("--author", type=_text, default=getpass.getuser(), help="who (default: %(default)s)")
    add.add_argument(
        "--start", type=_moment, metavar="TIME", help="from when on, ISO 8601, UTC by default (default: now)"
    )
    end = add.add_mutually_exclusive_group(required=True)
    end.add_argument("--for", dest="duration", type=_duration, metavar="DURATION", help="for how long, such as 2h")
    end.add_argument("--until", type=_moment, metavar="TIME", help="until when, ISO 8601, UTC by default")
    listing = commands.add_parser("list", help="show the silences that have not ended")
    listing.add_argument("--all", action="store_true", help="those that have ended as well")
    expire = commands.add_parser("expire", help="end a silence now")
    expire.add_argument("id", metavar="ID", help="its id, or the beginning of it")
    return parser


def _text(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a text")
    return text.strip()


def _duration(text: str) -> float:
    try:
        return read_duration(text) / 1000
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-01-31T12:00, not {text!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


if __name__ == "__main__":
    sys.exit(main())
