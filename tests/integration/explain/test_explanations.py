"""Explanations on the real cluster equal what the detector wrote, of each transaction, by rules of three versions.

``EXPLAIN_TRANSACTIONS=10000`` runs the long form; the default is short.
"""

import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Message

from services.contracts import Registry, RegistrySettings, Schema, load_contracts
from services.detection.settings import DetectorSettings
from services.detection.topics import DetectorTopics
from services.explanation import Explainer
from services.explanation.rules_history import UnknownVersionError
from services.explanation.stage_logs import rows_of_key
from services.explanation.transaction_logs import TransactionNotFoundError
from services.rules.explanation import LogPart, explain
from services.rules.fields import fields_of_schema
from services.rules.loading import constants_of, parse_rules
from services.rules.model import ID
from services.rules.models.loading import beside
from services.rules.topology import Stage, Topology
from services.streaming.clients import KafkaClients
from tests.support.models import model_on
from tests.support.payments import Payment, pay
from tests.support.rules_on_cluster import alerts, rules
from tools.explain.__main__ import main
from tools.harness.pipeline import Pipeline

TRANSACTIONS = int(os.environ.get("EXPLAIN_TRANSACTIONS", "450")) // 3 * 3
ACCOUNTS = max(8, TRANSACTIONS // 120)
LARGE = '[rules.large]\nseverity = "low"\nwhen = "amount >= suspicious_amount"\nreason = "{amount}"\nalert = false\n'
FAN_IN = """
[rules.fan-in]
severity = "high"
when = "amount % 100 == 0 or amount < 5"
reason = "{senders} senders paid {total} {currency}, {mean} each"
windows.senders = { measure = "distinct source", by = ["target"], over = "20s", at_least = 4 }
windows.total = { measure = "sum amount", by = ["target"], over = "20s" }
windows.mean = { measure = "average amount", by = ["target"], over = "20s", at_most = 900 }
"""
RAPID = """
[rules.rapid]
severity = "medium"
alert_every = "10s"
reason = "{payments} payments after {pause}"
windows.payments = { measure = "count", by = ["source"], over = "30s", at_least = 6 }
windows.pause = { measure = "inactivity", by = ["source"], over = "5m" }
[rules.shadow]
severity = "critical"
mode = "shadow"
reason = "{most}"
windows.most = { measure = "max amount", by = ["source", "target"], over = "1m", at_least = 800 }
"""
FEATURES = """
[features]
paid = "amount"
received = { measure = "sum amount", by = ["target"], over = "1m" }
payments = { measure = "count", by = ["source"], over = "1m" }
"""
MODEL = '[models.cards]\nfile = "cards.json"\nmode = "live"\nthreshold = 0.52\n'
SCORED = '[rules.scored]\nseverity = "high"\nwhen = "cards >= threshold"\nreason = "score {cards}"\n'
VERSIONS = (LARGE + FAN_IN, LARGE + RAPID + FAN_IN.replace("at_least = 4", "at_least = 3"),
            FEATURES + MODEL + RAPID.replace("10s", "15s") + SCORED)  # fmt: skip


def payments() -> list[Payment]:
    chance = random.Random(14)
    start = time.time_ns() // 1_000_000 - 400 * TRANSACTIONS
    return [
        Payment(
            f"payer{chance.randrange(ACCOUNTS)}",
            f"shop{chance.randrange(ACCOUNTS)}",
            chance.choice([100, 20_000, 50_000, chance.randrange(100, 100_000)]),
            start + 300 * n - chance.choice([0, 0, 0, 5000]),
        )
        for n in range(TRANSACTIONS)
    ]


@contextmanager
def explaining(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Iterator[Explainer]:
    for name, value in (pipeline.environment | settings).items():
        monkeypatch.setenv(name, value)
    chosen = DetectorSettings()  # type: ignore[call-arg]
    topics = DetectorTopics.of(chosen, load_contracts())
    clients = KafkaClients(chosen, {}, "explain")
    with Registry(RegistrySettings.load(url=pipeline.cluster.registry_url)) as registry:
        yield Explainer(chosen, topics, clients, registry)


class AllLogs:
    """The logs of all stages, read once: the rows of each key, and the place of each transaction among them."""

    def __init__(self, explainer: Explainer, topology: Topology, names: Sequence[str]) -> None:
        self._parts: dict[tuple[str, Any], list[LogPart]] = defaultdict(list)
        self._places: dict[tuple[str, bytes], tuple[Any, int, int]] = {}
        for stage in topology.stages:
            for number in range(explainer.logs.partitions(stage.topic)):
                for read in explainer.logs.read(stage, number, names):
                    for key in np.unique(read.part.columns[stage.field]).tolist():
                        self._add(stage, key, rows_of_key(read.part, stage.field, key))

    def _add(self, stage: Stage, key: Any, part: LogPart) -> None:
        parts = self._parts[stage.topic, key]
        for row, identity in enumerate(part.columns[ID].tolist()):
            self._places[stage.topic, identity] = key, len(parts), row
        parts.append(part)

    def of(self, identity: str) -> Callable[[Stage], Sequence[LogPart]]:
        def log_of(stage: Stage) -> Sequence[LogPart]:
            key, place, row = self._places[stage.topic, identity.encode()]
            parts = self._parts[stage.topic, key]
            return [*parts[:place], parts[place].take(slice(0, row + 1))]

        return log_of


def header(message: Message, name: str) -> str:
    return next((value.decode() for key, value in message.headers() or [] if key == name), "")


def written_alerts(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """The alerts by transaction and rule, without what an explanation can't know."""
    by_match: dict[str, dict[str, Any]] = defaultdict(dict)
    for alert in alerts(pipeline):
        identity = str(alert.pop("transaction")["id"])
        del alert["detected_at"]
        content = {**alert, "contributors": [str(each) for each in alert["contributors"]], "id": str(alert["id"])}
        by_match[identity][alert["rule"]] = content
    return by_match


def test_explanations_equal_what_the_detector_wrote(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    some = payments()
    settings = rules(pipeline, VERSIONS[0])
    path = pipeline.directory / "rules.toml"
    schema = pipeline.contracts.topic(pipeline.input).required_schema
    plain = parse_rules(FEATURES + LARGE, "rules.toml", schema, constants_of()).features
    assert plain is not None
    (pipeline.directory / "cards.json").write_bytes(model_on(plain, ("paid", "received", "payments")))
    third = TRANSACTIONS // 3
    with pipeline.start("detector", **settings) as detector:
        for number, text in enumerate(VERSIONS):
            path.write_text(text)
            detector.wait_for("rules activated", text=text)
            pay(pipeline, some[number * third : (number + 1) * third])
            pipeline.wait_for_outputs((number + 1) * third)
        assert detector.stop() == 0

    outputs = {"legit": pipeline.read(pipeline.legit), "fraud": pipeline.read(pipeline.fraud)}
    by_alert = written_alerts(pipeline)
    values = {(m.topic(), m.partition(), m.offset()): m for messages in outputs.values() for m in messages}
    with explaining(pipeline, monkeypatch, **settings) as explainer:
        topologies = {
            record["version"]: explainer.topology(
                parse_rules(record["text"], "rules", schema, constants_of(), beside(path))
            )
            for record in explainer.history().records.values()
        }
        assert len(topologies) == 3
        fired_rules = explain_all(explainer, topologies, outputs, by_alert, schema)
        assert fired_rules == {"large", "fan-in", "rapid", "scored"}
        assert {rule for by_rule in by_alert.values() for rule in by_rule} == {"fan-in", "rapid", "scored"}
        assert len(values) == 3 * third

        # The whole way, from an id alone: the transaction is searched, its keys' logs are read, the rules looked up.
        for payment in (some[third // 2], some[2 * third - 1], some[-1]):
            found = explainer.explain(payment.id, payment.at_ms)
            assert found.agrees is True
            assert found.output is not None
            assert str(found.transaction["id"]) == payment.id
            record = found.output
            assert values[record.topic, record.partition, record.offset].value()[6:42].decode() == payment.id
            assert dict(found.output.headers)["rules.version"] == found.version == found.explanation.version
            assert found.input.schema_versions == (f"{pipeline.input}-value version 1",)
        with pytest.raises(TransactionNotFoundError, match="no transaction 0000"):
            explainer.explain("00000000-0000-4000-8000-000000000000")
        with pytest.raises(UnknownVersionError, match="not on .*streaming.rules: give its file with --rules"):
            explainer.rules("abc")

    check_the_command(pipeline, some, capsys)


def explain_all(
    explainer: Explainer,
    topologies: dict[str, Topology],
    outputs: dict[str, list[Message]],
    by_alert: dict[str, dict[str, Any]],
    schema: Schema,
) -> set[str]:
    """Compare the explanation of each transaction with what was written; return the rules that fired."""
    names = [field["name"] for field in schema.json["fields"]]
    logs = {version: AllLogs(explainer, topology, names) for version, topology in topologies.items()}
    fields, compared, late, fired_rules = fields_of_schema(schema), 0, 0, set()
    for verdict, messages in outputs.items():
        for message in messages:
            identity = message.value()[6:42].decode()
            version, fired = header(message, "rules.version"), header(message, "rules.fired")
            explanation = explain(topologies[version], logs[version].of(identity), fields, explainer.lateness_ms)
            assert (explanation.verdict, explanation.version) == (verdict, version)
            assert ",".join(explanation.fired) == fired
            recomputed = {rule.name: dict(rule.match or {}) for rule in explanation.rules if rule.alert}
            for content in recomputed.values():
                content["id"] = str(content["id"])
            assert recomputed == by_alert.get(identity, {})
            fired_rules |= set(explanation.fired)
            compared += 1
            late += explanation.late  # a stage by another key merges partitions, some of which are behind
    print(f"{compared} transactions explained, {late} of them late")  # noqa: T201 - for the long form
    return fired_rules


def check_the_command(pipeline: Pipeline, some: list[Payment], capsys: pytest.CaptureFixture[str]) -> None:
    """The command says the same, also by other rules; the environment names the cluster."""
    assert main([some[-1].id]) == 0
    text = capsys.readouterr().out
    assert "the same verdict as was written" in text
    assert f"read at {pipeline.input}-" in text
    assert f"evaluated at {pipeline.by_source}-" in text
    changed = pipeline.directory / "changed.toml"
    changed.write_text(LARGE.replace(">= suspicious_amount", "> 0"))
    assert main([some[-1].id, "--rules", str(changed), "--json"]) == 0
    what_if = json.loads(capsys.readouterr().out)
    assert (what_if["verdict"], what_if["fired"], what_if["agrees"]) == ("fraud", ["large"], None)
    assert what_if["records"]["output"]["headers"][0][0] == "rules.version"
    assert main(["00000000-0000-4000-8000-000000000000"]) == 1
    assert "no transaction 0000" in capsys.readouterr().err
