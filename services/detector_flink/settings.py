"""The settings of the job on Apache Flink: those of the detector, and a few of Flink's."""

from pydantic import Field

from services.detection.settings import DetectorSettings


class FlinkSettings(DetectorSettings):
    """The job's settings; docs/settings.md lists them with their meaning.

    Attributes:
        checkpoint_interval_ms: Milliseconds from one checkpoint to the next: outputs are visible when it is complete.
        batch_rows: Records in an Arrow batch, at most.
        batch_ms: Milliseconds that a batch waits for more records.
        transaction_timeout_ms: Milliseconds after which brokers abort a transaction of the job: it must be longer than
            the longest outage that the job is to survive, and no longer than the brokers' `transaction.max.timeout.ms`.
    """

    checkpoint_interval_ms: int = Field(default=500, ge=10)
    batch_rows: int = Field(default=4000, ge=1)
    batch_ms: int = Field(default=20, ge=1)
    transaction_timeout_ms: int = Field(default=900_000, ge=1000)
