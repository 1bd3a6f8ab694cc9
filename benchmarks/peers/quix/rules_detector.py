"""Quix Streams: the detector's five default rules, exactly sliding, with its state: lists of the entries of each key.

A stage by receiver, a repartition topic (`group_by`), a stage by payer. No alerts are written.
"""

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from quixstreams import Application, State

from benchmarks.peers.quix.avro_serdes import avro_serdes

SUSPICIOUS_CENTS = int(Decimal(os.environ.get("SUSPICIOUS_AMOUNT", "900")) * 100)
MINUTE, HOUR = 60_000, 3_600_000


def entries(state: State, name: str, value: str, at: int, over_ms: int) -> list[str]:
    """Add an entry, and return the values of those in the window that ends with it."""
    kept = [entry for entry in state.get(name, []) if entry[0] > at - over_ms]
    kept.append([at, value])
    state.set(name, kept)
    return [entry[1] for entry in kept]


def by_target(value: dict[str, Any], state: State) -> dict[str, Any]:
    """The rules large-amount and many-senders; the result can be written as JSON."""
    cents, at = int(value["amount"] * 100), round(value["created_at"].timestamp() * 1000)
    matched = cents >= SUSPICIOUS_CENTS
    if cents % 10_000 == 0:
        matched |= len(set(entries(state, f"senders {cents}", value["source"], at, 24 * HOUR))) >= 50
    return {**value, "id": str(value["id"]), "amount": cents, "created_at": at, "matched": matched}


def by_source(value: dict[str, Any], state: State) -> dict[str, Any]:
    """The rules rapid-fire, structuring and dormant-account."""
    cents, at, matched = value["amount"], value["created_at"], value["matched"]
    if cents < 20_000:
        receivers = entries(state, "receivers", value["target"], at, MINUTE)
        matched |= len(receivers) >= 8 and len(set(receivers)) <= 5
    if 85_000 <= cents < 90_000:
        matched |= len(entries(state, f"band {value['target']}", "", at, 2 * HOUR)) >= 3
    before = state.get("latest", None)
    state.set("latest", at)
    if before is not None and cents >= 50_000:
        matched |= 48 * HOUR <= at - before < 72 * HOUR
    return {**value, "matched": matched}


def transaction(value: dict[str, Any]) -> dict[str, Any]:
    """Return the transaction as its schema has it."""
    created_at = datetime.fromtimestamp(value["created_at"] / 1000, UTC)
    return {**value, "amount": Decimal(value["amount"]) / 100, "created_at": created_at}


def main() -> None:
    app = Application(
        broker_address=os.environ["KAFKA_BROKER_URL"],
        consumer_group=os.environ["CONSUMER_GROUP"],
        auto_offset_reset="earliest",
        processing_guarantee=os.environ["GUARANTEE"],
        commit_interval=float(os.environ["COMMIT_INTERVAL_MS"]) / 1000,
        state_dir=os.environ["STATE_DIR"],
        loglevel="WARNING",
    )
    deserializer, serializer = avro_serdes()
    transactions = app.topic(os.environ["TRANSACTIONS_TOPIC"], value_deserializer=deserializer)
    legit = app.topic(os.environ["LEGIT_TOPIC"], value_serializer=serializer)
    fraud = app.topic(os.environ["FRAUD_TOPIC"], value_serializer=serializer)

    rows = (
        app.dataframe(transactions).apply(by_target, stateful=True).group_by("source").apply(by_source, stateful=True)
    )

    def route(value: dict[str, Any], _key: object, _timestamp: int, _headers: object) -> object:
        return fraud if value["matched"] else legit

    rows.apply(transaction).to_topic(route)
    app.run()


if __name__ == "__main__":
    main()
