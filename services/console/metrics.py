"""Metrics of the console."""

from collections.abc import Callable, Iterable

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, select

from services.console.cases import CLOSED
from services.console.storage.tables import cases

NAMESPACE = "fraud_console"


class CaseCollector(Collector):
    """Number of cases by status, counted at each scrape, and of records that can't be read.

    Args:
        engine: The database.
        skipped: Returns the number of records that can't be read.
    """

    def __init__(self, engine: Engine, skipped: Callable[[], int]) -> None:
        self._engine = engine
        self._skipped = skipped

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        by_status = GaugeMetricFamily(f"{NAMESPACE}_cases", "Cases that are not closed, by status.", labels=["status"])
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(cases.c.status, func.count()).where(cases.c.status != CLOSED).group_by(cases.c.status)
            )
            for status, number in rows:
                by_status.add_metric([status], number)
        skipped = GaugeMetricFamily(f"{NAMESPACE}_skipped_records", "Records that could not be read.")
        skipped.add_metric([], self._skipped())
        return by_status, skipped
