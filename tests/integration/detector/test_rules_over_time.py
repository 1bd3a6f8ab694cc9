"""Rules with windows on the real cluster: what fires, what it says, and that nothing is forgotten in a crash."""

import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Message

from services.rules.loading import parse_rules
from tests.support.payments import Payment, account, pay
from tests.support.probing import Endpoints
from tests.support.rules_on_cluster import alerts, rules
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for

DEFAULT_RULES = Path(__file__).parents[3] / "services" / "detection" / "rules.toml"
FAN_IN = """
[rules.many-senders]
severity = "critical"
reason = "{payments} transfers of {amount} {currency} from {senders} accounts in 24 h"
windows.senders = { measure = "distinct source", by = ["target", "amount"], over = "24h", at_least = 50 }
windows.payments = { measure = "count", by = ["target", "amount"], over = "24h" }
"""
RAPID = """
[rules.rapid-fire]
severity = "high"
reason = "{payments} payments by {source} in 10 s"
windows.payments = { measure = "count", by = ["source"], over = "10s", at_least = 3 }
"""


def header(message: Message, name: str) -> str | None:
    values = [value for key, value in message.headers() or [] if key == name]
    return values[0].decode() if values else None


def fired(messages: list[Message]) -> Counter[str | None]:
    return Counter(header(message, "rules.fired") for message in messages)


def test_the_fiftieth_sender_is_one_too_many(pipeline: Pipeline) -> None:
    start = time.time_ns() // 1_000_000 - 50_000
    senders = [Payment(f"sender{n:02}", "mule", 100_000, start + n * 1000) for n in range(50)]
    again = [Payment("sender00", "mule", 100_000, start + 10_500)]  # the same sender pays twice: still one sender
    other = [Payment(f"sender{n:02}", "shop", 100_000 + n, start + n * 1000) for n in range(50)]
    with pipeline.start("detector", **rules(pipeline, FAN_IN)) as detector:
        pay(pipeline, [*senders[:11], *again, *senders[11:49], *other])
        pipeline.wait_for_outputs(100)
        assert pipeline.read(pipeline.fraud) == []
        pay(pipeline, senders[49:])
        pipeline.wait_for_outputs(101)
        assert detector.stop() == 0
    (suspicious,) = pipeline.read(pipeline.fraud)
    assert header(suspicious, "rules.fired") == "many-senders"
    (alert,) = alerts(pipeline)
    assert alert["rule"] == "many-senders"
    assert alert["severity"] == "CRITICAL"
    assert alert["reason"] == "51 transfers of 1000.00 EUR from 50 accounts in 24 h"
    assert alert["key"] == {"target": account("mule"), "amount": "1000.00"}
    assert alert["figures"] == {"senders": "50", "payments": "51"}
    assert str(alert["transaction"]["id"]) == senders[49].id
    expected = sorted([*senders, *again], key=lambda payment: payment.at_ms)
    assert [str(identifier) for identifier in alert["contributors"]] == [payment.id for payment in expected]
    assert abs(alert["detected_at"].timestamp() - time.time()) < timedelta(minutes=5).total_seconds()
    versions = {header(message, "rules.version") for message in pipeline.read(pipeline.legit)}
    assert versions == {header(suspicious, "rules.version")}
    assert None not in versions


def test_a_rule_by_the_payer_is_evaluated_on_its_repartition_topic(pipeline: Pipeline) -> None:
    start = time.time_ns() // 1_000_000
    payments = [Payment("busy", f"shop{n}", 1000, start) for n in range(6)]
    payments += [Payment(f"calm{n}", "shop1", 1000, start) for n in range(20)]
    large = [Payment("calm1", "shop2", 95_000, start + 60_000)]
    text = '[rules.large]\nseverity = "low"\nwhen = "amount >= suspicious_amount"\nreason = "{amount}"\n'
    with pipeline.start("detector", **rules(pipeline, RAPID, text)) as detector:
        values = pay(pipeline, [*payments, *large])
        legit, fraud, dead = pipeline.wait_for_outputs(27)
        assert detector.stop() == 0
    assert (sorted(legit + fraud), dead) == (sorted(values), [])
    messages = pipeline.read(pipeline.fraud)
    assert fired(messages) == {"rapid-fire": 4, "large": 1}
    targets = {message.value(): message.value()[5 + 1 + 36 + 13 + 1 : 5 + 1 + 36 + 13 + 13] for message in messages}
    assert all(message.key() == targets[message.value()] for message in messages)
    assert Counter(alert["rule"] for alert in alerts(pipeline)) == {"rapid-fire": 4, "large": 1}
    assert {alert["reason"] for alert in alerts(pipeline) if alert["rule"] == "large"} == {"950.00"}


@pytest.mark.parametrize("end", ["kill", "stop"])
@pytest.mark.parametrize("state", ["written", "off"])
def test_windows_outlive_the_process(pipeline: Pipeline, end: str, state: str) -> None:
    start = time.time_ns() // 1_000_000 - 50_000
    senders = [Payment(f"sender{n:02}", "mule", 100_000, start + n * 1000) for n in range(50)]
    settings = rules(pipeline, FAN_IN, RAPID) | {"INSTANCE_ID": "one"}
    settings |= {"STATE_TOPIC": "off"} if state == "off" else {}
    with pipeline.start("detector", **settings) as detector:
        pay(pipeline, senders[:49])
        pipeline.wait_for_outputs(49)
        getattr(detector, end)()
    with pipeline.start("detector", **settings) as detector:
        pay(pipeline, senders[49:])
        pipeline.wait_for_outputs(50)
        restored = {event: detector.events(event) for event in ("windows restored", "state restored")}
        assert detector.stop() == 0
    read = sum(event["messages"] for event in restored["windows restored"] if event["topic"] == pipeline.input)
    if state == "off":
        assert (read, restored["state restored"]) == (49, [])
    else:
        of_input = [event for event in restored["state restored"] if event["topic"] == pipeline.input]
        assert of_input
        assert read < 49
    assert fired(pipeline.read(pipeline.fraud)) == {"many-senders": 1}


def test_one_alert_per_interval_outlives_the_process(pipeline: Pipeline) -> None:
    minute = (time.time_ns() // 1_000_000 - 180_000) // 60_000 * 60_000
    payments = [Payment("busy", "shop", 1000, minute + n * 1000) for n in (*range(7), 60, 61)]
    rapid = RAPID.replace('"10s"', '"1h"').replace("reason", 'alert_every = "1m"\nreason')
    settings = rules(pipeline, rapid) | {"INSTANCE_ID": "one"}
    for first, last in ((0, 5), (5, 9)):
        with pipeline.start("detector", **settings) as detector:
            pay(pipeline, payments[first:last])
            pipeline.wait_for_outputs(last)
            detector.kill()
    assert fired(pipeline.read(pipeline.fraud)) == {"rapid-fire": 7}
    written = {str(alert["transaction"]["id"]): alert["suppressed"] for alert in alerts(pipeline)}
    assert written == {payments[2].id: 0, payments[7].id: 4}  # the third, and the first of the next minute


def test_a_changed_file_is_active_for_later_transactions(pipeline: Pipeline) -> None:
    path, endpoints = pipeline.directory / "rules.toml", Endpoints()
    start = time.time_ns() // 1_000_000
    with pipeline.start("detector", **rules(pipeline, RAPID), **endpoints.variables) as detector:
        pay(pipeline, [Payment(f"sender{n:02}", "mule", 100_000, start + n) for n in range(49)])
        pipeline.wait_for_outputs(49)
        path.write_text("[rules.broken]\nseverity = 7\n")
        refused = detector.wait_for("rules rejected, keeping the previous version")
        assert f"{path}:2" in refused["reason"]
        path.write_text(FAN_IN + RAPID)
        detector.wait_for("rules activated", rules=["many-senders", "rapid-fire"])
        activated = detector.events("rules activated")
        reloads = endpoints.series("fraud_detector_rules_reloads_total")
        assert reloads == {'result="rejected"': 1, 'result="activated"': 1}
        pay(pipeline, [Payment("sender49", "mule", 100_000, start + 49)])
        pipeline.wait_for_outputs(50)
        assert detector.stop() == 0
    assert fired(pipeline.read(pipeline.fraud)) == {"many-senders": 1}  # the new rule knows what was before it
    assert [event["text"] for event in activated] == [RAPID, FAN_IN + RAPID]  # the first one when it started
    schema = pipeline.contracts.topic(pipeline.input).required_schema
    for event in activated:
        constants = {name: Decimal(value) for name, value in event["constants"].items()}
        assert parse_rules(event["text"], "log", schema, constants).version == event["version"]
    (alert,) = alerts(pipeline)
    assert alert["rule_version"] == activated[-1]["rule_versions"]["many-senders"]


def test_matches_of_a_shadow_rule_are_only_logged(pipeline: Pipeline) -> None:
    start = time.time_ns() // 1_000_000
    shadow = RAPID.replace("reason", 'mode = "shadow"\nreason')
    with pipeline.start("detector", **rules(pipeline, shadow)) as detector:
        pay(pipeline, [Payment("busy", "shop", 1000, start + n) for n in range(4)])
        wait_for(lambda: len(pipeline.read(pipeline.legit)) == 4, "4 transactions")
        events = detector.events("shadow rule matched")
        assert detector.stop() == 0
    assert [event["reason"] for event in events] == [f"{n} payments by {account('busy')} in 10 s" for n in (3, 4)]
    assert (pipeline.read(pipeline.fraud), alerts(pipeline)) == ([], [])


def test_the_rules_that_come_with_it_run(pipeline: Pipeline) -> None:
    transactions = pipeline.transactions(500)
    with pipeline.start("detector", RULES_FILE=str(DEFAULT_RULES)) as detector:
        pipeline.produce(transactions, keyed=True)
        legit, fraud, dead = pipeline.wait_for_outputs(500)
        assert detector.stop() == 0
    assert (sorted(legit + fraud), dead) == (sorted(transactions), [])
    assert "large-amount" in fired(pipeline.read(pipeline.fraud))
