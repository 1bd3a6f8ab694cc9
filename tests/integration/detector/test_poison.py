"""Messages that can't be processed go to the dead-letter topic with the reason; everything else goes on."""

import json
import urllib.request
from pathlib import Path

from services.contracts import load_schema
from tests.support.ports import free_port
from tools.harness.pipeline import Pipeline

PREFIX = "__connect.errors."


def headers_of(message) -> dict[str, str]:  # type: ignore[no-untyped-def]
    return {name: value.decode() for name, value in message.headers()}


def poisons(pipeline: Pipeline, tmp_path: Path) -> dict[str, tuple[bytes | None, str, str]]:
    """Return by kind: the value, the error class, and words of the reason."""
    good = pipeline.transactions(1)[0]
    foreign = tmp_path / "foreign.avsc"
    record = {"type": "record", "name": "Invoice", "fields": [{"name": "total", "type": "long"}]}
    foreign.write_text(json.dumps(record))
    with pipeline.registry as registry:
        foreign_id = registry.register(f"{pipeline.prefix}invoices-value", load_schema(foreign)).id
    place = 5 + 1 + 36 + 13 + 13
    return {
        "no magic byte": (b"\x01" + good[1:], "UnframedError", "magic byte"),
        "json": (b'{"amount": 950}', "UnframedError", "magic byte"),
        "empty value": (b"", "UnframedError", "empty"),
        "tombstone": (None, "UnframedError", "tombstone"),
        "header only in part": (good[:3], "UnframedError", "too short"),
        "no body": (good[:5], "PoisonError", ""),
        "truncated": (good[:-1], "PoisonError", ""),
        "trailing bytes": (good + b"\x00", "PoisonError", ""),
        "unknown schema id": (b"\x00\x7f\xff\xff\xff" + good[5:], "UnknownSchemaId", str(0x7FFFFFFF)),
        "id of no registry": (b"\x00\xff\xff\xff\xff" + good[5:], "InvalidSchemaId", str(0xFFFFFFFF)),
        "wrong record": (b"\x00" + foreign_id.to_bytes(4, "big") + b"\x02", "WrongRecordError", "payments.Transaction"),
        "length beyond the end": (good[:5] + b"\xfe\xff\xff\xff\x0f" + good[6:], "PoisonError", ""),
        "negative length": (good[:5] + b"\x01" + good[6:], "PoisonError", ""),
        "no uuid": (good[:6] + b"z" * 36 + good[42:], "PoisonError", ""),
        "text that is not UTF-8": (good[:43] + b"\xff" * 12 + good[55:], "PoisonError", ""),
        "amount beyond its precision": (
            good[:place] + b"\x0c" + (10**12).to_bytes(6, "big") + good[place + 1 + (good[place] >> 1) :],
            "PoisonError",
            "",
        ),
    }


def test_every_kind_of_poison_is_put_aside_with_its_reason(pipeline: Pipeline, tmp_path: Path) -> None:
    port = free_port()
    kinds = poisons(pipeline, tmp_path)
    good = pipeline.transactions(200, seed=5)
    pipeline.produce(good[:100])
    for kind, (value, _, _) in kinds.items():
        pipeline.produce([value], key=kind.encode(), headers=[("trace", b"7")])
    pipeline.produce(good[100:])
    with pipeline.start("detector", METRICS_PORT=str(port)) as detector:
        legit, fraud, dead = pipeline.wait_for_outputs(200 + len(kinds))
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        assert detector.stop() == 0
    assert sorted(legit + fraud) == sorted(good)  # the partitions go on
    assert {message.key().decode() for message in dead} == set(kinds)
    assert len(dead) == len(kinds)
    originals = {message.key(): message for message in pipeline.read(pipeline.input) if message.key()}
    for message in dead:
        value, error_class, words = kinds[message.key().decode()]
        original = originals[message.key()]
        headers = headers_of(message)
        assert message.value() == value
        assert headers["__dead_letter.timestamp"] == str(original.timestamp()[1])
        assert message.headers()[0] == ("trace", b"7")
        assert headers[PREFIX + "topic"] == pipeline.input
        assert headers[PREFIX + "partition"] == str(original.partition())
        assert headers[PREFIX + "offset"] == str(original.offset())
        assert headers[PREFIX + "stage"] == "VALUE_CONVERTER"
        assert headers[PREFIX + "exception.class.name"].endswith(error_class), message.key()
        assert words in headers[PREFIX + "exception.message"], message.key()
        assert headers[PREFIX + "exception.message"]
    counted = sum(
        float(line.rpartition(" ")[2])
        for line in metrics.splitlines()
        if line.startswith("fraud_detector_dead_letters_total")
    )
    assert counted == len(kinds)


def test_a_message_as_large_as_the_topic_allows_can_still_be_put_aside(pipeline: Pipeline) -> None:
    largest = b"\x01" + b"x" * 1_048_400
    pipeline.produce([largest])
    with pipeline.start("detector") as detector:
        _, _, dead = pipeline.wait_for_outputs(1)
        assert detector.stop() == 0
    assert dead[0].value() == largest
    assert len(dead[0].headers()) == 7


def test_a_record_that_no_longer_fits_with_what_is_added_is_put_aside(pipeline: Pipeline) -> None:
    good = pipeline.transactions(50)
    start = 5 + 1 + 36
    # A source account so long that the record fits the input topic, and no output with a header more.
    fields = good[0][start + 13 :]
    length = 1_048_588 - 97 - len(good[0]) - 10
    zigzag = bytearray()
    number = 2 * length
    while number > 0x7F:
        zigzag.append(number & 0x7F | 0x80)
        number >>= 7
    zigzag.append(number)
    large = good[0][:start] + bytes(zigzag) + b"x" * length + fields
    pipeline.produce([*good[:25], large, *good[25:]])
    with pipeline.start("detector") as detector:
        legit, fraud, dead = pipeline.wait_for_outputs(51)
        assert not detector.events("delivery refused, searching for the record")  # it was foreseen
        assert not detector.events("transaction aborted")
        assert detector.stop() == 0
    assert sorted(legit + fraud) == sorted(good)
    assert [message.value() for message in dead] == [large]
    headers = headers_of(dead[0])
    assert headers[PREFIX + "exception.class.name"].endswith("TooLargeError")
    assert "max.message.bytes is 1048588" in headers[PREFIX + "exception.message"]
