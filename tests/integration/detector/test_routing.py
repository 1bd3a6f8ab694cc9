from collections import Counter
from decimal import Decimal

from tools.harness.pipeline import Pipeline, amounts


def test_every_transaction_is_routed_once_byte_for_byte(pipeline: Pipeline) -> None:
    transactions = pipeline.transactions(3000)
    with pipeline.start("detector") as detector:
        pipeline.produce(transactions)
        legit, fraud, dead = pipeline.wait_for_outputs(3000)
        assert detector.stop() == 0
    assert sorted(legit + fraud) == sorted(transactions)
    assert dead == []
    assert min(amounts(fraud)) >= Decimal(900) > max(amounts(legit))
    assert 0.08 < len(fraud) / 3000 < 0.12


def test_key_headers_and_timestamp_go_with_a_transaction(pipeline: Pipeline) -> None:
    pipeline.produce(
        pipeline.transactions(50),
        key=b"target",
        headers=[("trace", b"1"), ("rules.fired", b"forged")],
    )
    timestamps = Counter(message.timestamp()[1] for message in pipeline.read(pipeline.input))
    with pipeline.start("detector") as detector:
        pipeline.wait_for_outputs(50)
        assert detector.stop() == 0
    outputs = pipeline.read(pipeline.legit) + pipeline.read(pipeline.fraud)
    assert Counter(message.timestamp()[1] for message in outputs) == timestamps
    for message in outputs:
        assert message.key() == b"target"
        headers = dict(message.headers())
        assert headers.pop("rules.version")
        fired = {} if message.topic() == pipeline.legit else {"rules.fired": b"large-amount"}
        assert headers == {"trace": b"1"} | fired


def test_the_order_of_a_key_is_kept(pipeline: Pipeline) -> None:
    transactions = pipeline.transactions(2000)
    pipeline.produce(transactions, key=b"one account")
    with pipeline.start("detector", SUSPICIOUS_AMOUNT="0") as detector:
        legit, fraud, dead = pipeline.wait_for_outputs(2000)
        assert detector.stop() == 0
    assert (legit, dead) == ([], [])
    assert fraud == transactions


def test_the_threshold_is_a_setting(pipeline: Pipeline) -> None:
    pipeline.produce(pipeline.transactions(500))
    with pipeline.start("detector", SUSPICIOUS_AMOUNT="500.50") as detector:
        legit, fraud, _ = pipeline.wait_for_outputs(500)
        assert detector.stop() == 0
    assert min(amounts(fraud)) >= Decimal("500.50") > max(amounts(legit))


def test_transactions_are_logged_one_by_one_only_when_asked_for(pipeline: Pipeline) -> None:
    pipeline.produce(pipeline.transactions(20))
    with pipeline.start("detector", LOG_TRANSACTIONS="1") as detector:
        pipeline.wait_for_outputs(20)
        assert detector.stop() == 0
    logged = detector.events("transaction")
    assert len(logged) == 20
    assert {line["verdict"] for line in logged} <= {"legit", "fraud"}
    assert all(line["currency"] == "EUR" and Decimal(line["amount"]) > 0 for line in logged)
    pipeline.produce(pipeline.transactions(20, seed=2))
    with pipeline.start("detector") as detector:
        pipeline.wait_for_outputs(40)
        assert detector.stop() == 0
    assert detector.events("transaction") == []


def test_a_restart_evaluates_no_transaction_twice(pipeline: Pipeline) -> None:
    transactions = pipeline.transactions(400)
    for expected, part in ((200, transactions[:200]), (400, transactions[200:])):
        pipeline.produce(part)
        with pipeline.start("detector") as detector:
            pipeline.wait_for_outputs(expected)
            assert detector.stop() == 0
    legit, fraud, _ = pipeline.wait_for_outputs(400)
    assert sorted(legit + fraud) == sorted(transactions)
