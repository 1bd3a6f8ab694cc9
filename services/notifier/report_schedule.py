"""Schedule of the daily report, and the receivers that have got it."""

from collections.abc import Iterator
from datetime import datetime

from services.notifier.model import Report, group_key

LATEST_SECONDS = 6 * 3600.0
"""A report that is later than this is not sent any more: the next one is near."""


class ReportSchedule:
    """The reports that were sent.

    Args:
        report: What the notifications file says of them; None for no reports.
    """

    def __init__(self, report: Report | None) -> None:
        self._report = report
        self._sent: dict[str, str] = {}  # the newest day of each receiver

    def due(self, now: float) -> Iterator[tuple[str, str]]:
        """Yield receivers and days of the reports that are due; the day is the one on which it is sent."""
        if self._report is None:
            return
        at = self._report.at.last_until(now)
        if now - at > LATEST_SECONDS:
            return
        day = datetime.fromtimestamp(at, self._report.at.zone).date().isoformat()
        for receiver in self._report.receivers:
            if self._sent.get(receiver, "") < day:
                yield receiver, day

    def sent(self, receiver: str, day: str) -> None:
        """Note that a report is on its way."""
        self._sent[receiver] = max(day, self._sent.get(receiver, ""))

    @staticmethod
    def group(receiver: str, day: str) -> str:
        """Return the key of a report's group."""
        return group_key(receiver, "report", {"day": day})
