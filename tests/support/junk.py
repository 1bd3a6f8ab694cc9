"""Records at random, as a client of any kind may write them: most can't be read, some can, and all are of no use."""

import os
import struct
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from services.streaming.record_size import batch_size, headers_size
from tools.harness.raw_producer import RawProducer

LIMIT = 1_048_588
"""Largest message of a topic by default (`max.message.bytes`)."""

LARGE = 100_000
"""Bytes from which on a record is written by itself, so that a broker does not refuse its batch."""

ACCOUNT = b"zz"
"""Begins the accounts of junk that can be read: no window of other transactions holds it."""

RawHeaders = tuple[tuple[bytes, bytes | None], ...]


@dataclass(frozen=True)
class Junk:
    """A record; its attributes are what librdkafka takes."""

    value: bytes | None
    key: bytes | None = None
    headers: RawHeaders = ()
    timestamp: int = 0
    compressed: bool = False


def varint(number: int) -> bytes:
    """A long as Avro writes it."""
    zigzag = (number << 1) ^ (number >> 63)
    octets = bytearray()
    while zigzag & ~0x7F:
        octets.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    octets.append(zigzag)
    return bytes(octets)


def octets_of(content: bytes) -> bytes:
    """Bytes or a string as Avro writes them."""
    return varint(len(content)) + content


@dataclass(frozen=True)
class Fields:
    """The fields of a transaction, with bytes that no encoder would write.

    Attributes:
        id: 36 characters.
        source: The account that pays.
        target: The account that receives.
        amount: A decimal's bytes.
        currency: Three letters.
        created_at: Milliseconds since the epoch.
    """

    id: bytes
    source: bytes
    target: bytes
    amount: bytes
    currency: bytes
    created_at: int

    def body(self, *, backwards: bool = False) -> bytes:
        """The Avro body, with the fields in the order of the contract or against it."""
        parts = [octets_of(self.id), octets_of(self.source), octets_of(self.target), octets_of(self.amount),
                 octets_of(self.currency), varint(self.created_at)]  # fmt: skip
        return b"".join(reversed(parts) if backwards else parts)


class JunkMaker:
    """Makes junk; the same seed gives the same, but for ids and event times.

    Args:
        seed: Of the randomness.
        schema_id: Of the transaction's contract.
        backwards_id: Of a schema with the same fields in reverse, which no output's subject knows.
        others: Ids of schemas of something else.
        newest_ms: The latest timestamp that the topic takes.
    """

    def __init__(
        self, seed: int, schema_id: int, backwards_id: int, others: Sequence[int], newest_ms: int = 2**62
    ) -> None:
        self._newest_ms = newest_ms
        self._random = Random(seed)
        self._schema_id = schema_id
        self._backwards_id = backwards_id
        self._others = others

    def make(self, count: int) -> list[Junk]:
        """Make a number of records, in any order."""
        return [self._record() for _ in range(count)]

    def _record(self) -> Junk:
        random = self._random
        kinds = [self._bytes, self._nothing, self._framed, self._mutated, self._odd, self._valid, self._backwards]
        kind = random.choices([*kinds, self._long, self._compressed], [2, 1, 2, 4, 4, 4, 2, 0.3, 0.2])[0]
        junk = replace(kind(), key=self._key(), headers=self._headers(), timestamp=self._timestamp())
        room = LIMIT - _size(junk)
        if junk.compressed or room >= 0:
            return junk
        # Too large for its topic together: it would not get there.
        junk = replace(junk, headers=(), key=junk.key if len(junk.key or b"") < 1000 else None)
        return junk if _size(junk) <= LIMIT else replace(junk, value=(junk.value or b"")[: LIMIT - 2000])

    def _fields(self) -> Fields:
        random = self._random
        accounts = [ACCOUNT + b"%010d" % random.randrange(30) for _ in range(2)]
        amount = random.choice([random.randrange(100, 100_001), 90_000, 95_000])
        return Fields(
            str(uuid.UUID(bytes=os.urandom(16), version=4)).encode(), accounts[0], accounts[1],
            amount.to_bytes(4, "big"), b"EUR", time.time_ns() // 1_000_000 + random.randrange(-2000, 2000),
        )  # fmt: skip

    def _frame(self, body: bytes, schema_id: int | None = None) -> bytes:
        return b"\0" + struct.pack(">I", self._schema_id if schema_id is None else schema_id) + body

    def _bytes(self) -> Junk:
        return Junk(self._random.randbytes(self._random.choice([1, 4, 5, 6, 40, 300, 5000])))

    def _nothing(self) -> Junk:
        return Junk(self._random.choice([None, b"", b"\0", b"null"]))

    def _framed(self) -> Junk:
        random = self._random
        unknown = random.choice([0, 0x7FFFFFFF, 0xFFFFFFFF, 1_000_000 + random.randrange(3)])
        body = random.choice([random.randbytes(random.choice([0, 1, 60, 400])), self._fields().body()])
        return Junk(self._frame(body, random.choice([unknown, self._schema_id, self._backwards_id, *self._others])))

    def _mutated(self) -> Junk:
        random = self._random
        value = bytearray(self._frame(self._fields().body()))
        for _ in range(random.choice([1, 1, 2, 5])):
            place = random.randrange(len(value)) if value else 0
            match random.randrange(5):
                case 0:
                    value[place : place + 1] = random.randbytes(1)
                case 1:
                    del value[place : place + random.choice([1, 3, 20])]
                case 2:
                    value[place:place] = random.randbytes(random.choice([1, 2, 30]))
                case 3:
                    del value[place:]
                case _:
                    value[place : place + 1] = bytes([value[place] ^ 1 << random.randrange(8)]) if value else b""
        return Junk(bytes(value))

    def _odd(self) -> Junk:
        """Fields that can be read, or nearly so, and that no producer would write."""
        random = self._random
        fields = self._fields()
        texts = [b"", b"\0", ACCOUNT + b"\0" * 10, b"\xff" * 12, "zz🏦".encode() * 3, ACCOUNT + b"x" * 3000,
                 ACCOUNT + b"{source}%s,\n", ACCOUNT + b"\x1f", b"\xed\xa0\x80"]  # fmt: skip
        times = [0, -1, 1, -(2**63), 2**63 - 1, 4_102_444_800_000, -62_135_596_800_001, 253_402_300_800_000,
                 time.time_ns() // 1_000_000 + 86_400_000, time.time_ns() // 1_000_000 - 86_400_000]  # fmt: skip
        amounts = [b"", b"\0", b"\xff", b"\x80" + b"\0" * 7, b"\x7f" * 5, b"\0" * 40 + b"\x01", b"\x7f" * 9]
        ids = [fields.id.upper(), b"", fields.id.replace(b"-", b""), b"{" + fields.id[1:-1] + b"}", b"\0" * 36]
        changes = {"source": texts, "target": texts, "currency": [*texts, b"eur"], "amount": amounts,
                   "created_at": times, "id": ids}  # fmt: skip
        for name in random.sample(sorted(changes), random.choice([1, 1, 1, 2])):
            fields = replace(fields, **{name: random.choice(changes[name])})  # type: ignore[arg-type]
        return Junk(self._frame(fields.body()))

    def _valid(self) -> Junk:
        return Junk(self._frame(self._fields().body()))

    def _backwards(self) -> Junk:
        return Junk(self._frame(self._fields().body(backwards=True), self._backwards_id))

    def _long(self) -> Junk:
        """Make a body about as large as the topic takes: with what the detector adds, some fit and some don't."""
        random = self._random
        fields = self._fields()
        length = random.choice([LIMIT // 2, LIMIT - 300 - random.randrange(300), LIMIT - 200 - random.randrange(1000)])
        name = random.choice(["source", "target", "currency"])
        backwards = random.random() < 0.3
        fields = replace(fields, **{name: ACCOUNT + b"x" * (length - 150)})  # type: ignore[arg-type]
        return Junk(self._frame(fields.body(backwards=backwards), self._backwards_id if backwards else None))

    def _compressed(self) -> Junk:
        """Small on the wire, and larger than any topic takes when it is not compressed."""
        random = self._random
        size = random.choice([1_040_000, 1_049_000, 1_500_000, 3_000_000])
        long = self._frame(replace(self._fields(), source=ACCOUNT + b"x" * size).body())
        return Junk(random.choice([long, b"\1" + b"z" * size]), compressed=True)

    def _key(self) -> bytes | None:
        random = self._random
        size = random.choices([0, 1, 12, 300, 100_000], [1, 2, 4, 1, 0.02])[0]
        return random.choice([None, b"\0" * size, random.randbytes(size), ACCOUNT + b"%010d" % random.randrange(30)])

    def _headers(self) -> RawHeaders:
        random = self._random
        names = [b"trace", b"\xff\xfename", b"rules.fired", b"rules.version", b"rules.fired\0x", b"", b"a\0b", b"\0",
                 "überschrift".encode(), b"n" * 3000, b"__redrive.count", b"__connect.errors.topic",
                 b"__dead_letter.omitted", b"\xed\xa0\x80"]  # fmt: skip
        if random.random() < 0.4:
            return ()
        if random.random() < 0.1:
            return self._forged_origin()
        values = [None, b"", b"1", b"rapid-fire,large", b"\xff\0", random.randbytes(50), b"v" * 5000]
        # A name that is not UTF-8 hides what else is strange: fewer of them than of the others.
        weights = [1 if name.isascii() else 0.2 for name in names]
        count = random.choices([1, 2, 5, 300], [8, 4, 2, 0.2])[0]
        return tuple((name, random.choice(values)) for name in random.choices(names, weights, k=count))

    def _forged_origin(self) -> RawHeaders:
        origin = [b"queueing.transactions", b"0", self._random.choice([b"0", b"99", b"-1", b"x"]), b"VALUE_CONVERTER",
                  b"services.errors.PoisonError", b"forged"]  # fmt: skip
        names = ["topic", "partition", "offset", "stage", "exception.class.name", "exception.message"]
        forged = tuple((b"__connect.errors." + name.encode(), value) for name, value in zip(names, origin, strict=True))
        omitted: RawHeaders = ((b"__dead_letter.omitted", self._random.choice([b"value", b"key,headers", b""])),)
        return forged + self._random.choice([(), omitted])

    def _timestamp(self) -> int:
        now = time.time_ns() // 1_000_000
        ahead = min(self._newest_ms, now + 10**9)
        return self._random.choice([0, 0, 0, 1, -1, -2, now - 10**10, ahead, min(2**62, self._newest_ms), -(2**62)])


def write(bootstrap_servers: str, topic: str, records: Sequence[Junk]) -> None:
    """Write records with librdkafka; those that follow each other are of one batch where they are small."""
    with (
        RawProducer(bootstrap_servers, message_max_bytes="10000000", linger_ms="20", batch_size="900000") as small,
        RawProducer(bootstrap_servers, message_max_bytes="10000000", batch_num_messages="1") as large,
        RawProducer(
            bootstrap_servers, message_max_bytes="10000000", batch_num_messages="1", compression_type="zstd"
        ) as compressing,
    ):
        for junk in records:
            producer = compressing if junk.compressed else large if _size(junk) > LARGE else small
            producer.produce(topic, junk.value, junk.key, junk.headers, timestamp=junk.timestamp)


def _size(junk: Junk) -> int:
    headers = [(name.decode("latin-1"), value) for name, value in junk.headers]
    return batch_size(junk.key, junk.value, None) + headers_size(headers)
