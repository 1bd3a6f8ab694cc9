"""Headers that a later stage trusts: only those that the detector itself can have written."""

import urllib.request

from confluent_kafka import Message

from tests.support.payments import Payment, account, encoded
from tests.support.ports import free_port
from tools.harness.pipeline import Pipeline
from tools.harness.raw_producer import RawProducer

RULES = """
[rules.large]
severity = "low"
when = "amount >= 900"
reason = "{amount}"

[rules.rapid-fire]
severity = "high"
reason = "{payments} payments"
windows.payments = { measure = "count", by = ["source"], over = "1h", at_least = 1000 }
"""


def test_names_that_no_earlier_stage_writes_are_left_out_and_counted(pipeline: Pipeline) -> None:
    path = pipeline.directory / "rules.toml"
    path.write_text(RULES)
    port = free_port()
    forged: dict[str, list[tuple[bytes, bytes | None]]] = {
        "known": [(b"rules.fired", b"large")],
        "unknown": [(b"rules.fired", b"no-such-rule")],
        "of this stage": [(b"rules.fired", b"rapid-fire")],
        "both": [(b"rules.fired", b"large,,\xff,no-such-rule")],
        "version": [(b"rules.version", b"\xff\xfe"), (b"rules.fired", None)],
    }
    payments = {name: Payment("payer", "shop", 1000) for name in ["input", *forged]}
    values = dict(zip(payments, encoded(pipeline, list(payments.values())), strict=True))
    with pipeline.start("detector", RULES_FILE=str(path), METRICS_PORT=str(port)) as detector:
        version = detector.wait_for("rules activated")["version"].encode()
        detector.wait_for("rebalance", change="assigned")
        with RawProducer(pipeline.cluster.bootstrap_servers) as producer:
            everything = [(b"rules.version", version), (b"rules.fired", b"large"), (b"trace", b"7")]
            producer.produce(pipeline.input, values["input"], account("shop").encode(), everything)
            for name, headers in forged.items():
                named = headers if name == "version" else [(b"rules.version", version), *headers]
                producer.produce(pipeline.by_source, values[name], account("payer").encode(), named)
        pipeline.wait_for_outputs(1 + len(forged))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
            metrics = response.read().decode()
        assert detector.stop() == 0
    names = {value: name for name, value in values.items()}
    fraud = {names[message.value() or b""]: fired(message) for message in pipeline.read(pipeline.fraud)}
    assert fraud == {"known": b"large", "both": b"large"}
    legit = {names[message.value() or b""]: message.headers() for message in pipeline.read(pipeline.legit)}
    assert legit.keys() == {"input", "unknown", "of this stage", "version"}
    assert legit["input"] == [("trace", b"7"), ("rules.version", version)]  # whatever a producer writes is not believed
    counted = [line for line in metrics.splitlines() if line.startswith("fraud_detector_unknown_rule_names_total")]
    assert counted == ["fraud_detector_unknown_rule_names_total 5.0"]


def fired(message: Message) -> bytes | str | None:
    return dict(message.headers() or [])["rules.fired"]
