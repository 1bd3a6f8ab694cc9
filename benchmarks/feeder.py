"""The generator with JSON instead of Avro: for measuring the latency of what reads JSON. Set up as the generator is."""

import json
import os
from threading import Event

from prometheus_client import CollectorRegistry

from benchmarks.work import ACCOUNTS, SEED
from services.generator.encoding import CURRENCY
from services.generator.metrics import GeneratorMetrics
from services.generator.publisher import Publisher
from services.generator.service import Generator
from services.generator.transactions import RandomTraffic, Transactions
from services.streaming.clients import KafkaClients
from services.streaming.progress import Progress
from services.streaming.settings import KafkaSettings, load_settings


class JsonEncoder:
    """Takes the place of the generator's encoder."""

    def encode(self, rows: Transactions) -> list[bytes]:
        columns = (rows.ids.tolist(), rows.sources.tolist(), rows.targets.tolist(), rows.cents.tolist())
        return [
            json.dumps(
                {
                    "id": identifier.decode(),
                    "source": source.decode(),
                    "target": target.decode(),
                    "amount": cents / 100,
                    "currency": CURRENCY.decode(),
                    "created_at": created,
                }
            ).encode()
            for identifier, source, target, cents, created in zip(*columns, rows.created_at.tolist(), strict=True)
        ]


def main() -> None:
    metrics, stop = GeneratorMetrics(CollectorRegistry()), Event()
    producer = KafkaClients(load_settings(KafkaSettings), {}, client_id="feeder").producer(
        delivery_report_only_error=True
    )
    Generator(
        RandomTraffic(ACCOUNTS, SEED),
        JsonEncoder(),  # type: ignore[arg-type]
        Publisher(producer, os.environ["TRANSACTIONS_TOPIC"], metrics, stop),
        metrics,
        stop,
        progress=Progress(),
        rate=int(os.environ["TRANSACTIONS_PER_SECOND"]),
        limit=int(os.environ["MAX_TRANSACTIONS"]),
        log_transactions=False,
    ).run()


if __name__ == "__main__":
    main()
