"""A pipeline of real services that a Prometheus watches, with the alarms in scaled times."""

import time
from contextlib import ExitStack
from pathlib import Path

from tests.support.expiring_certificates import write_certificate
from tests.support.faulty_exporter import FaultyExporter, faulty_exporter
from tests.support.http_server import HttpServer
from tests.support.probing import Endpoints
from tests.support.prometheus import Prometheus, alarms, scaled
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.registry_proxy import RegistryProxy
from tools.harness.waiting import wait_for

THRESHOLDS = {
    "FraudDetectorLatencyHigh": ("> 1", "> 10"),  # a busy machine is no fault of the detector
    "FraudDetectorStalled": ("age_seconds > 60", "age_seconds > 2"),
    "FraudDetectorLagUnknown": ("> 60", "> 5"),  # it is measured every 3 s
    "FraudNotifierBacklog": ("> 900", "> 2"),
}
RULES = """
[rules.large]
severity = "high"
when = "amount >= 900"
reason = "{amount} {currency} at once"
alert = false

[rules.burst]
severity = "low"
reason = "{payments} payments in an hour"
windows.payments = { measure = "count", by = ["target"], over = "1h", at_least = 100000 }
"""
NOTIFICATIONS = """
[route]
receivers = ["refuses", "away"]
group_wait = "1s"
group_interval = "1s"

[receivers.refuses]
type = "webhook"
url = "{url}/refuses"
signing_secret = {{ env = "WEBHOOK_SECRET" }}

[receivers.away]
type = "webhook"
url = "{url}/away"
signing_secret = {{ env = "WEBHOOK_SECRET" }}
"""


class Observed:
    """A pipeline whose services a Prometheus watches.

    Args:
        pipeline: The topics.
        directory: Takes files and logs.
        receiver: Where notifications go.
        proxy: In front of the registry, for the detector.
        stack: Ends what is started.
    """

    def __init__(
        self, pipeline: Pipeline, directory: Path, receiver: HttpServer, proxy: RegistryProxy, stack: ExitStack
    ) -> None:
        self.pipeline, self.proxy, self._stack = pipeline, proxy, stack
        self.rules, self.notifications = directory / "rules.toml", directory / "notifications.toml"
        self.rules.write_text(RULES)
        self.notifications.write_text(NOTIFICATIONS.format(url=receiver.url))
        self.certificate = write_certificate(directory / "ca.pem", 90)
        self.endpoints = {name: Endpoints() for name in ("detector", "notifier", "generator", "console", "exporter")}
        self.database = f"sqlite:///{directory}/console.db"
        targets = {f"fraud-{name}": each.port for name, each in self.endpoints.items()}
        self.prometheus = stack.enter_context(
            Prometheus(directory / "prometheus", targets, scaled(alarms(), THRESHOLDS))
        )
        self.exporter: FaultyExporter = stack.enter_context(faulty_exporter(self.endpoints["exporter"].port))
        self.detector = self.start_detector()
        self.notifier = self.start(
            "notifier", NOTIFICATIONS_FILE=str(self.notifications), WEBHOOK_SECRET="whsec_c2VjcmV0LWZvci10ZXN0cw=="
        )
        self.generator = self.start("generator", TRANSACTIONS_PER_SECOND="20")
        self.console = self.start(
            "console", DATABASE_URL=self.database, RULES_FILE=str(self.rules),
            CONSOLE_PORT=str(Endpoints().port),
        )  # fmt: skip
        self.started_at = time.time()

    def start(self, service: str, **variables: str) -> Service:
        process = self.pipeline.start(service, **self.endpoints[service].variables, **variables)
        return self._stack.enter_context(process)

    def start_detector(self) -> Service:
        return self.start(
            "detector", RULES_FILE=str(self.rules), SCHEMA_REGISTRY_URL=self.proxy.url, SCHEMA_REGISTRY_RETRIES="0",
            ALLOWED_LATENESS="5",             KAFKA_CONFIG_SSL_CA_LOCATION=str(self.certificate),
        )  # fmt: skip

    def count(self, name: str, expression: str = "sum({})") -> float:
        series = self.prometheus.query(expression.format(name))
        return float(series[0]["value"][1]) if series else 0

    def wait_until(self, name: str, least: float) -> None:
        wait_for(lambda: self.count(name) >= least, lambda: f"{name} of {least}: {self.count(name)}", pause=0.2)
