"""Records that can't be processed, of every kind, among traffic for rules over time."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.chaos.faults.detectors import kill
from tools.chaos.rules_over_time import RulesOverTime
from tools.chaos.traffic import Encoder, Payment, Traffic, payments
from tools.chaos.trial import Trial
from tools.chaos.verdict_comparison import content
from tools.harness.pipeline import Pipeline
from tools.harness.raw_producer import RawProducer

COUNT = 6000
SECONDS = 7.0
TOPIC_BYTES = 1_048_588
"""`max.message.bytes` where nothing else is set: of a whole batch."""

BATCH_BYTES = 61 + 36
"""The most that a batch of one record takes besides key and value."""

NARROW = {"legit": 500_000, "fraud": 500_000, "alerts": 50_000, "dead": 100_000}
DEAD, DEAD_LATER, GOOD = "dead letter", "dead letter of a later stage", "good"
UNKNOWN_IDS = (0x7FFF_FF00, 0x7FFF_FF01)


@dataclass(frozen=True)
class Record:
    """A record to put among the traffic.

    Attributes:
        kind: In words.
        value: None is a tombstone.
        key: Its key.
        fate: The expected outcome.
        headers: Its headers.
        compressed: Whether it is written with zstd.
    """

    kind: str
    value: bytes | None
    key: bytes
    fate: str = DEAD
    headers: tuple[tuple[bytes, bytes], ...] = ()
    compressed: bool = False


def of_every_kind(trial: Trial) -> None:
    """Header names that are no text, records that are too large for what follows, rubbish; and a kill among them."""
    chance, pipeline, count = trial.chance, trial.pipeline, int(COUNT * max(trial.scale, 0.4))
    narrow = chance.random() < 0.5
    if narrow:
        for name, limit in NARROW.items():
            pipeline.alter(getattr(pipeline, name), max_message_bytes=str(limit))
    over = RulesOverTime(trial, count)
    records = [record for _ in range(3 if trial.scale == 1 else 1) for record in _records(chance, pipeline, narrow)]
    chance.shuffle(records)
    rubbish = {record.value or b"" for record in records if record.fate == DEAD}
    over.is_dead = lambda message: content(message) in rubbish
    over.dead_later = {record.value or b"" for record in records if record.fate == DEAD_LATER}
    half = len(records) // 2
    detector = trial.detector(**over.environment)
    detector.wait_for("rebalance", change="assigned")
    with Traffic(pipeline, payments(chance, count), SECONDS):
        trial.wait_for_output()
        _write(pipeline, records[:half])
        trial.random_moment(0.0, 1.0)
        dead = kill(trial, detector, within=0.5)
        trial.detector(**over.environment)
        _write(pipeline, records[half:])
        trial.wait_for_recovery(dead + 0.2)
    values = Counter(content(message) for message in pipeline.read(pipeline.input))
    there = Counter(record.kind for record in records if values[record.value or b""])
    kinds = Counter(record.kind for record in records)
    limits = "narrow outputs" if narrow else "outputs as wide as the input"
    trial.prove(there == kinds, f"{there.total()} records of {len(kinds)} kinds ({limits})")


def _write(pipeline: Pipeline, records: list[Record]) -> None:
    settings = {False: {"message_max_bytes": "2000000"},
                True: {"message_max_bytes": "10000000", "compression_type": "zstd"}}  # fmt: skip
    for begin in range(0, len(records), 5):
        some = records[begin : begin + 5]
        for compressed in {record.compressed for record in some}:
            with RawProducer(pipeline.cluster.bootstrap_servers, **settings[compressed]) as producer:
                for record in some:
                    if record.compressed is compressed:
                        producer.produce(pipeline.input, record.value, record.key, record.headers)


def _records(chance: random.Random, pipeline: Pipeline, narrow: bool) -> Iterator[Record]:
    """One record of each kind, or a few."""
    encoder = Encoder(pipeline)

    def payment(**fields: str | int) -> Payment:
        (drawn,) = payments(chance, 1)
        dated = {"at_ms": int(time.time() * 1000), **fields}
        return Payment(**{**vars(drawn), **dated})

    def record(kind: str, fate: str = DEAD, **fields: str | int) -> Record:
        made = payment(**fields)
        return Record(kind, encoder.encode(made), made.target.encode(), fate)

    def sized(kind: str, size: int, fate: str, **fields: str | int) -> Record:
        """A payment whose value has that size."""
        short = len(encoder.encode(payment(currency="", **fields)))
        lengths = 3 if size < 1 << 20 else 4  # bytes that the length of the currency takes, less the payment of none
        made = payment(currency="x" * (size - short - lengths + 1), **fields)
        return Record(kind, encoder.encode(made), made.target.encode(), fate)

    bad_names = ((b"\xff\xfename", b"v"),), ((b"trace", b"7"), (b"\xc3", b"")), ((b"\x80" * 200, b"\xff"),)
    for headers in bad_names:
        plain = record("a header name that is no UTF-8")
        yield Record(plain.kind, plain.value, plain.key, headers=headers)
    full = TOPIC_BYTES - BATCH_BYTES - 12
    yield sized("no room for another header", full - chance.randrange(15), DEAD)
    yield Record("no room for another header, not Avro", _letters(chance, full - chance.randrange(15)), b"k" * 12)
    # Of these a later stage has room for headers and key, or not, as its limit says.
    later = DEAD_LATER if narrow else GOOD
    yield sized("a long field", 400_000, GOOD)
    yield sized("a long field in an alert", 400_000, GOOD, cents=99_900)
    yield sized("a field that makes an alert too large", full - 2000, later, cents=99_900)
    yield record("a long receiver", later, target="t" * 400_000)
    yield record("a payer that is too long for a key", source="s" * 600_000)
    for size in (1_500_000, 3_000_000):
        for kind, value in (
            ("compressed", encoder.encode(payment(currency="x" * size))),
            ("compressed, not Avro", b"\x01" + chance.randbytes(16) + b"z" * size),
        ):
            yield Record(f"{kind}, {size / 1e6} MB", value, b"k" * 12, compressed=True)
    yield from _undecodable(chance, lambda: encoder.encode(payment()))


def _undecodable(chance: random.Random, good: Callable[[], bytes]) -> Iterator[Record]:
    key = str(uuid.UUID(int=chance.getrandbits(128))).encode()
    head, value = good()[:5], good()
    yield Record("a tombstone", None, key)
    yield Record("random bytes", b"\x01" + chance.randbytes(60), key)
    yield Record("random bytes behind a known schema id", head + chance.randbytes(60), key)
    yield Record("truncated", value[:-1], key)
    yield Record("trailing bytes", good() + b"\0", key)
    yield Record("no UUID", head + value[5:6] + b"z" * 36 + value[42:], key)
    yield Record("text that is no UTF-8", value[:43] + b"\xff" * 12 + value[55:], key)
    for _ in range(5):
        unknown = chance.choice(UNKNOWN_IDS).to_bytes(4, "big")
        yield Record("an unknown schema id", b"\0" + unknown + good()[5:], key)


def _letters(chance: random.Random, size: int) -> bytes:
    return b"\x01" + chance.randbytes(16).ljust(size - 1, b"z")
