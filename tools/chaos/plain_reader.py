"""An independent reader: computes the topic that each message must be in, and compares.

Nothing here uses the code under test: values are decoded one by one with fastavro, by the schema that the registry
gives for the id in the value, and compared byte for byte.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import fastavro
import httpx2
from confluent_kafka import Message

from tools.chaos.results import Tally

Verdict = tuple[str, str]
"""A transaction's id, and where it belongs: `legit` or `fraud`."""

SUSPICIOUS = Decimal(900)


class PlainReader:
    """Decodes framed values and evaluates rules on them, slowly and simply.

    Args:
        registry_url: Base address of the Confluent API.
    """

    def __init__(self, registry_url: str) -> None:
        self._url = registry_url
        self._schemas: dict[int, Any] = {}

    def verdict(self, value: bytes) -> Verdict:
        """The verdict on a framed transaction.

        Raises:
            ValueError: It is no transaction.
        """
        record = self.record(value)
        return str(record["id"]), "fraud" if record["amount"] >= SUSPICIOUS else "legit"

    def record(self, value: bytes) -> dict[str, Any]:
        """The fields of a framed record.

        Raises:
            ValueError: It is none.
        """
        if value[:1] != b"\x00":
            raise ValueError("no magic byte")
        body = io.BytesIO(value[5:])
        record: Any = fastavro.schemaless_reader(body, self._schema(int.from_bytes(value[1:5], "big")), None)
        if body.read(1):
            raise ValueError("trailing bytes")
        return dict(record)

    def _schema(self, schema_id: int) -> Any:
        if schema_id not in self._schemas:
            answer = httpx2.get(f"{self._url}/schemas/ids/{schema_id}?format=resolved", timeout=10, trust_env=False)
            self._schemas[schema_id] = fastavro.parse_schema(json.loads(answer.json()["schema"]))
        return self._schemas[schema_id]


def compare(
    inputs: Sequence[Message],
    outputs: Mapping[str, Sequence[Message]],
    rubbish: Iterable[bytes],
    judge: Callable[[bytes], Verdict],
) -> Tally:
    """Compares what was put in with what came out.

    Args:
        inputs: The whole input topic.
        outputs: The whole topics `legit`, `fraud` and `dead`, each partition in its order.
        rubbish: The values among the inputs that are no transactions: they belong among the dead.
        judge: Recomputes a verdict.
    """
    dead = set(rubbish)
    place: dict[bytes, str] = {}
    position: dict[bytes, tuple[int, int]] = {}
    ids: Counter[str] = Counter()
    for message in inputs:
        value = _value(message)
        position[value] = (int(message.partition() or 0), int(message.offset() or 0))
        if value in dead:
            place[value] = "dead"
        else:
            identity, place[value] = judge(value)
            ids[identity] += 1
    expected = Counter(_value(message) for message in inputs)
    actual: Counter[bytes] = Counter()
    misplaced = disordered = 0
    for topic, messages in outputs.items():
        newest: dict[tuple[int, int], int] = {}
        for message in messages:
            value = _value(message)
            actual[value] += 1
            misplaced += place.get(value) not in (topic, None)
            if expected[value] == 1:  # the order of values that look the same can't be told
                partition, offset = position[value]
                stream = (partition, int(message.partition() or 0))
                disordered += newest.get(stream, -1) > offset
                newest[stream] = offset
    return Tally(
        messages=len(inputs),
        missing=(expected - actual).total(),
        doubled=(actual - expected).total() + sum(count - 1 for count in ids.values()),
        misplaced=misplaced,
        disordered=disordered,
    )


def _value(message: Message) -> bytes:
    value = message.value()
    return value if isinstance(value, bytes) else b""
