"""``scripts/replay`` as a process on a real broker and registry, read back by an independent reader."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from confluent_kafka import Message

from tests.support.confluent import deserialized
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE, wait_for

HANDBOOK = "TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO\n"


def variables(pipeline: Pipeline) -> Mapping[str, str]:
    labels = f"{pipeline.prefix}queueing.transactions.labels"
    return {**os.environ, **pipeline.environment, "LABELS_TOPIC": labels, "STARTUP_TIMEOUT": "5"}


def begun(pipeline: Pipeline, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tools.replay", *arguments], env=variables(pipeline) | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def replayed(pipeline: Pipeline, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error."""
    process = begun(pipeline, *arguments, **environment)
    out, err = process.communicate(timeout=DEADLINE)
    return process.returncode, out, err


def said(err: str) -> list[str]:
    """Its own lines: librdkafka may log that a fresh broker isn't ready."""
    return [line for line in err.splitlines() if '"event": "librdkafka"' not in line]


def records(pipeline: Pipeline, messages: list[Message]) -> list[dict[str, Any]]:
    return deserialized(pipeline.cluster.registry_url, messages)


def test_rows_and_labels_match_their_contracts_and_an_unfit_row_is_named(pipeline: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "handbook.csv"
    start = datetime(2018, 4, 1)
    rows = [
        f"{start + timedelta(seconds=i)},{i % 50},{i % 70},{i}.05,{i % 10 // 9},{i % 10 // 9 * 2}\n"
        for i in range(5000)
    ]
    rows[1234] = "2018-04-01 00:20:34,1,1,1.234,0,0\n"
    file.write_text(HANDBOOK + "".join(rows))
    code, out, err = replayed(pipeline, "--preset", "handbook", "--json", str(file))

    assert code == 1
    assert said(err) == [f"{file}:1236: TX_AMOUNT '1.234': expected at most 2 digits after the point, or --round"]
    figures = json.loads(out)
    assert figures | {"seconds": 0, "rows_per_second": 0} == {
        "transactions": 4999, "labels": 4999, "frauds": 500, "unfit": 1, "first": "2018-04-01T00:00:00.000Z",
        "last": "2018-04-01T01:23:19.000Z", "seconds": 0, "rows_per_second": 0, "complete": True, "dry_run": False,
        "left_out": 0, "order": "in the order of their times", "notes": [],
    }  # fmt: skip

    messages = pipeline.read(pipeline.input)
    transactions = records(pipeline, messages)
    assert [message.key().decode() for message in messages] == [record["target"] for record in transactions]
    by_amount = {record["amount"]: record for record in transactions}
    assert sorted(by_amount) == [Decimal(f"{i}.05") for i in range(5000) if i != 1234]
    assert by_amount[Decimal("4321.05")] | {"id": ""} == {
        "id": "", "source": "C21", "target": "T51", "amount": Decimal("4321.05"), "currency": "EUR",
        "created_at": datetime(2018, 4, 1, 1, 12, 1, tzinfo=UTC),
    }  # fmt: skip
    targets = {record["id"]: record["target"] for record in transactions}
    assert len(targets) == 4999

    truths = pipeline.read(f"{pipeline.prefix}queueing.transactions.labels")
    labels = {record["transaction_id"]: record for record in records(pipeline, truths)}
    assert {label["transaction_id"]: message.key().decode() for label, message in
            zip(records(pipeline, truths), truths, strict=True)} == targets  # fmt: skip
    frauds = {record["id"] for record in transactions if int(record["amount"]) % 10 == 9}
    assert {identifier for identifier, label in labels.items() if label["fraud"]} == frauds
    assert {(label["fraud"], label["scenario"], label["incident"]) for label in labels.values()} == {
        (False, None, None), (True, "terminal-compromised", None),
    }  # fmt: skip


def test_a_statement_arrives_sorted_with_its_accounts_and_labels(pipeline: Pipeline, tmp_path: Path) -> None:
    file, lookup = tmp_path / "statement.csv", tmp_path / "accounts.csv"
    iban, uuid = "MT84MALT011000012345MTLCAST001S", "123e4567-e89b-12d3-a456-426614174000"
    file.write_bytes(
        "Datum;Empfänger;Betrag;Betrug\n"
        f"07.01.2026;{uuid};-3,00;\n06.01.2026;Café Zürich;900,00;nein\n05.01.2026;{iban};-1.212,50;ja\n".encode(
            "cp1252"
        )
    )
    code, out, err = replayed(
        pipeline, str(file), "--json", "--set", "source=ACC_1327", "--map", "target=Empfänger",
        "--map", "amount=Betrag", "--signed", "negative", "--decimal", ",", "--set", "currency=EUR",
        "--time", "day-first",
        "--lookup", str(lookup), "--map", "created_at=Datum", "--map", "fraud=Betrug",
        "--value", "fraud:ja=1", "--value", "fraud:nein=0",
    )  # fmt: skip
    assert (code, said(err)) == (0, [])
    assert json.loads(out)["order"] == "newest first"
    transactions = records(pipeline, pipeline.read(pipeline.input))
    short = lookup.read_text().splitlines()[1].partition(",")[0]
    assert {(each["source"], each["target"], each["amount"], each["created_at"].day) for each in transactions} == {
        ("ACC_1327", iban, Decimal("1212.50"), 5),
        ("Café Zürich", "ACC_1327", Decimal("900.00"), 6),
        ("ACC_1327", short, Decimal("3.00"), 7),
    }
    assert lookup.read_text() == f"account,original\n{short},{uuid}\n"
    labels = records(pipeline, pipeline.read(f"{pipeline.prefix}queueing.transactions.labels"))
    assert sorted(label["fraud"] for label in labels) == [False, True]  # the third isn't known yet


def test_a_signal_ends_it_and_what_was_sent_is_there_and_said(pipeline: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "slow.csv"
    days = "".join(f"2018-04-{day:02},1,2,{day},0,0\n" for day in range(1, 31))
    file.write_text(HANDBOOK + days)
    # Two hours a second of the clock: the second of the 30 transactions is due after 12 s, the last after 6 minutes.
    with begun(pipeline, "--preset", "handbook", "--speed", "7200", "--json", str(file)) as process:
        try:
            wait_for(lambda: pipeline.read(pipeline.input), lambda: "the first transaction")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert (process.returncode, said(err)) == (1, [])
    figures = json.loads(out)
    messages = pipeline.read(pipeline.input)
    assert len(messages) == figures["transactions"] < 30
    assert figures["complete"] is False
    assert figures["last"] == f"2018-04-{len(messages):02}T00:00:00.000Z"


def test_a_failure_to_start_has_the_documented_exit_code(pipeline: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text(HANDBOOK + "2018-04-01,1,2,3,0,0\n")
    arguments = ("--preset", "handbook", str(file))
    code, out, err = replayed(pipeline, *arguments, KAFKA_BROKER_URL="127.0.0.1:1", STARTUP_TIMEOUT="0")
    assert (code, out) == (3, "")
    assert "replay: no broker answers at 127.0.0.1:1" in err
    code, out, err = replayed(pipeline, *arguments, LABELS_TOPIC=pipeline.dead)
    assert (code, out) == (1, "")
    assert pipeline.dead in err
    assert pipeline.read(pipeline.input) == []
