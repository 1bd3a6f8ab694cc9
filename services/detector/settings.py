"""What the detector takes from its environment."""

import os
import socket
from decimal import Decimal

from pydantic import Field

from services.streaming.settings import ServiceSettings


class DetectorSettings(ServiceSettings):
    """The detector's settings; the README lists them with their meaning.

    Attributes:
        suspicious_amount: From this amount on, in units of the currency, a transaction is suspicious.
        commit_interval_ms: How long one Kafka transaction lasts: shorter is sooner visible, longer is cheaper.
        instance_id: Names this process among the group's; the next process of that name takes over at once what the
            last one left open, instead of after `transaction.timeout.ms`.
        retry_timeout: Seconds to go on trying when broker or registry fail while running.
    """

    transactions_topic: str = "queueing.transactions"
    legit_topic: str = "streaming.transactions.legit"
    fraud_topic: str = "streaming.transactions.fraud"
    dead_letter_topic: str = "queueing.transactions.dlq"
    suspicious_amount: Decimal = Field(default=Decimal(900), ge=0)
    consumer_group: str = Field(default="fraud-detector", min_length=1)
    commit_interval_ms: int = Field(default=100, ge=1, le=60_000)
    instance_id: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}", min_length=1)
    retry_timeout: float = Field(default=300, ge=0)

    @property
    def output_topics(self) -> tuple[str, str]:
        """Where judged transactions go."""
        return self.legit_topic, self.fraud_topic
