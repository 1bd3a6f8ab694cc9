"""Headers as the client reads them: unreadable ones affect no other message."""

from services.streaming.record_headers import headers_of, read_headers
from tools.harness.pipeline import Pipeline
from tools.harness.raw_producer import RawProducer


def test_header_names_that_are_not_utf_8_fail_their_message_only(bare: Pipeline) -> None:
    bare.create_topics_of(bare.dead)
    with RawProducer(bare.cluster.bootstrap_servers) as producer:
        for number in range(500):
            name = b"\xff" if number % 3 == 1 else b"trace"
            producer.produce(
                bare.dead, b"%d" % number, None, [(b"first", b"1"), (name, b"%d" % number)] if number % 5 else []
            )
    bad = {number for number in range(500) if number % 3 == 1 and number % 5}
    messages = bare.read(bare.dead)
    assert [message.value() for message in messages] == [b"%d" % number for number in range(500)]
    headers, failures = headers_of(messages)
    assert failures.keys() == bad
    assert all("0xff" in str(error.__cause__) for error in failures.values())
    for number, own in enumerate(headers):
        if number not in bad:
            assert own == ([("first", b"1"), ("trace", b"%d" % number)] if number % 5 else None)
    # One after the other as well: each is asked on its own, in a loop that runs often enough to be specialised.
    alone = [read_headers(message) for message in bare.read(bare.dead)]
    assert {number for number, own in enumerate(alone) if own is None} == bad
