"""Each alarm fires at a real Prometheus by its fault, and none does while all is well.

The services are real and share one pipeline; what takes a service long, or a cluster of its own, is injected into the
services' own metrics (tests/support/faulty_exporter.py). Times are scaled, a second for a minute.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from tests.support.alerting import AlertTopic, alert_record
from tests.support.dashboard import dashboard_queries, has_values
from tests.support.expiring_certificates import write_certificate
from tests.support.http_server import HttpServer
from tests.support.observed import RULES, Observed
from tests.support.prometheus import ALARMS, alarms, program
from tools.harness.pipeline import Pipeline
from tools.harness.registry_proxy import RegistryProxy
from tools.harness.waiting import wait_for
from tools.local_cluster import Cluster


@pytest.fixture(scope="module")
def observed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    program("prometheus")
    directory = tmp_path_factory.mktemp("observed")
    answers = {"/refuses": "400", "/away": "503 1"}
    with (
        HttpServer(lambda path, _body: answers[path]) as receiver,
        RegistryProxy(cluster.registry_url) as proxy,
        ExitStack() as stack,
    ):
        pipeline = Pipeline(cluster, directory)
        yield Observed(pipeline, directory, receiver, proxy, stack)


def transactions(observed: Observed, count: int, *, large: bool, created_ago: float = 0) -> list[bytes]:
    """Transactions whose amounts all are below or all are above the rule's."""
    created_at = int((time.time() - created_ago) * 1000)
    cents = 95_000 if large else 5_000
    return observed.pipeline.transactions(count, amount=cents, created_at=created_at)


@pytest.mark.parametrize("arguments", ["check rules --lint-fatal alarms.yml", "test rules alarms_test.yml"])
def test_promtool_finds_no_fault(arguments: str) -> None:
    done = subprocess.run(
        [program("promtool"), *arguments.split()], cwd=ALARMS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alarm_fires_while_all_is_well(observed: Observed) -> None:
    observed.prometheus.wait_until_ready()
    observed.notifier.wait_for("notifying")
    observed.generator.wait_for("started")
    observed.wait_until("up", 5)
    # Prometheus counts from the first value of a series that it has seen.
    observed.wait_until('fraud_detector_verdicts_total{verdict="legit"}', 1)
    observed.pipeline.produce(transactions(observed, 10_000, large=False), keyed=True)
    observed.wait_until("fraud_detector_verdicts_total", 10_000)
    wait_for(lambda: observed.count("fraud_detector_consumer_lag_messages >= 0") < 100, "no lag", pause=0.2)
    wait_for(lambda: not observed.prometheus.firing(), lambda: f"{observed.prometheus.firing()}", pause=0.5)
    evaluated = time.time()
    wait_for(lambda: time.time() > evaluated + 4, "some evaluations", pause=0.5)
    assert observed.prometheus.firing() == []


def test_dead_letters(observed: Observed) -> None:
    junk = partial(observed.pipeline.produce, [b"no transaction"] * 50)
    junk()
    observed.prometheus.wait_for_alarm("FraudDetectorDeadLetters")
    observed.prometheus.wait_for_alarm("FraudDetectorDeadLetterFlood", between=junk)
    assert len(observed.pipeline.read(observed.pipeline.dead)) >= 100


def test_a_flood_of_suspicious_transactions(observed: Observed) -> None:
    observed.pipeline.produce(transactions(observed, 500, large=True), keyed=True)
    more = partial(observed.pipeline.produce, transactions(observed, 20, large=True), keyed=True)
    observed.prometheus.wait_for_alarm("FraudAlertFlood", between=more)
    assert len(observed.pipeline.read(observed.pipeline.fraud)) >= 500


def test_transactions_that_come_late(observed: Observed) -> None:
    old = transactions(observed, 10, large=False, created_ago=25)
    observed.prometheus.wait_for_alarm(
        "FraudDetectorLatencyHigh", between=partial(observed.pipeline.produce, old, keyed=True)
    )


def test_a_broken_rules_file(observed: Observed) -> None:
    observed.rules.write_text("[rules.broken]\n")
    observed.detector.wait_for("rules rejected, keeping the previous version")
    observed.prometheus.wait_for_alarm("FraudDetectorRulesRejected")
    observed.rules.write_text(RULES)


def test_certificates_that_expire(observed: Observed) -> None:
    setting = "KAFKA_CONFIG_SSL_CA_LOCATION"
    write_certificate(observed.certificate, 7)
    observed.prometheus.wait_for_alarm("FraudCertificateExpires", setting=setting, job="fraud-detector")
    assert observed.prometheus.firing("FraudCertificateExpiresSoon") == []
    write_certificate(observed.certificate, 1)
    observed.prometheus.wait_for_alarm("FraudCertificateExpiresSoon", setting=setting)


def test_notifications_that_fail_wait_and_can_not_be_read(observed: Observed) -> None:
    AlertTopic(observed.pipeline).write(alert_record())
    observed.pipeline.produce([b"no alert"], observed.pipeline.alerts)
    observed.prometheus.wait_for_alarm("FraudNotificationsFailed", receiver="refuses", status="failed")
    observed.prometheus.wait_for_alarm("FraudNotifierBacklog", receiver="away")
    observed.prometheus.wait_for_alarm("FraudNotifierAlertsUnreadable")
    observed.prometheus.wait_for_alarm("FraudConsoleRecordsSkipped")
    assert observed.console.events("record skipped")


def test_a_degraded_service(observed: Observed) -> None:
    observed.notifications.write_text("broken = true\n")
    observed.notifier.wait_for("notifications file rejected, keeping the previous one")
    observed.prometheus.wait_for_alarm("FraudServiceDegraded", condition="notifications-file", job="fraud-notifier")


@pytest.mark.parametrize(
    ("fault", "arguments", "alarm"),
    [
        ("restore_stands_still", (), "FraudDetectorRestoreSlow"),
        ("brokers_go_away", (), "FraudDetectorLagUnknown"),
        ("clients_fail", (5,), "FraudDetectorClientsReplaced"),
        ("generator_falls_behind", (30,), "FraudGeneratorBehind"),
        ("amounts_come_in_cents", (), "FraudModelDrift"),
    ],
)
def test_an_injected_fault(observed: Observed, fault: str, arguments: tuple[Any, ...], alarm: str) -> None:
    assert not [labels for labels in observed.prometheus.firing(alarm) if labels["job"] == "fraud-exporter"]
    getattr(observed.exporter, fault)(*arguments)
    observed.prometheus.wait_for_alarm(alarm)
    if fault == "amounts_come_in_cents":
        observed.prometheus.wait_for_alarm(
            "FraudModelOverBudget", model="cards", between=observed.exporter.amounts_come_in_cents
        )


def test_a_registry_that_is_away_stops_verdicts_and_the_lag_grows(observed: Observed) -> None:
    pipeline = observed.pipeline
    pipeline.evolve()
    observed.proxy.mode = "drop"
    for seed in range(8):
        pipeline.produce(pipeline.transactions(400, seed=seed), keyed=True)
        time.sleep(1)
    observed.detector.wait_for("waiting")
    assert observed.proxy.met("drop") > 0
    observed.prometheus.wait_for_alarm("FraudDetectorStalled", topic=pipeline.input)
    observed.prometheus.wait_for_alarm("FraudDetectorLagGrows", topic=pipeline.input)


def test_a_detector_that_is_gone_and_records_that_expired_meanwhile(observed: Observed) -> None:
    pipeline = observed.pipeline
    observed.detector.kill()
    observed.prometheus.wait_for_alarm("FraudDetectorAbsent")
    observed.prometheus.wait_for_alarm("FraudServiceDown", job="fraud-detector")
    admin = pipeline.admin
    everything = [TopicPartition(pipeline.input, number, -1) for number in range(4)]
    for deleted in admin.delete_records(everything).values():
        deleted.result()
    observed.proxy.mode = "pass"
    observed.detector = observed.start_detector()
    observed.prometheus.wait_for_alarm("FraudDetectorRecordsLost", topic=pipeline.input)
    observed.detector.wait_for("records deleted before they were read")


def test_a_notifier_that_is_gone(observed: Observed) -> None:
    observed.notifier.kill()
    observed.prometheus.wait_for_alarm("FraudNotifierInactive")


def test_every_panel_of_the_dashboard_has_data(observed: Observed) -> None:
    end = time.time()
    empty = {
        title: expression
        for title, expression in dashboard_queries(rate_interval="5s", range_="1m")
        if not has_values(observed.prometheus.query_range(expression, observed.started_at, end))
    }
    assert empty == {}


def test_every_alarm_has_fired(observed: Observed) -> None:
    end = time.time()
    series = observed.prometheus.query_range('ALERTS{alertstate="firing"}', observed.started_at, end)
    assert {each["metric"]["alertname"] for each in series} == {rule["alert"] for rule in alarms()}
