"""Schedule of groups: group wait and interval, digests, quiet hours. Pure: the time is handed in.

Times are seconds since the epoch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = 86_400.0


@dataclass(frozen=True)
class QuietHours:
    """Hours in which nothing is sent; what comes meanwhile is sent together at their end.

    Attributes:
        start: The time of day at which they begin.
        end: The time of day at which they end; on the next day where it is not after the start.
        days: The days on which they begin, 0 for Monday; all of the day where start and end are equal.
        zone: The time zone.
    """

    start: time
    end: time
    days: frozenset[int]
    zone: ZoneInfo

    def end_of(self, moment: float) -> float | None:
        """Return the end of the quiet hours at a moment; None where there are none."""
        local = datetime.fromtimestamp(moment, self.zone)
        for began in (local.date(), local.date() - timedelta(days=1)):
            if began.weekday() not in self.days:
                continue
            start = datetime.combine(began, self.start, self.zone)
            end_day = began if self.end > self.start else began + timedelta(days=1)
            end = datetime.combine(end_day, self.end, self.zone)
            if start.timestamp() <= moment < end.timestamp():
                return end.timestamp()
        return None


@dataclass(frozen=True)
class DailyTimes:
    """Times of day.

    Attributes:
        times: The times, in order.
        zone: The time zone.
    """

    times: tuple[time, ...]
    zone: ZoneInfo

    def next_after(self, moment: float) -> float:
        """Return the first of the times after a moment."""
        return next(at for at in self._around(moment) if at > moment)

    def last_until(self, moment: float) -> float:
        """Return the last of the times that is not after a moment."""
        return [at for at in self._around(moment) if at <= moment][-1]

    def _around(self, moment: float) -> list[float]:
        day = datetime.fromtimestamp(moment, self.zone).date()
        days = [day + timedelta(days=offset) for offset in (-1, 0, 1)]
        return [datetime.combine(each, at, self.zone).timestamp() for each in days for at in self.times]


@dataclass(frozen=True)
class Timing:
    """The timing of a route's groups, durations in seconds.

    Attributes:
        group_wait: From the first alert of a group to its message, so that alerts that belong together go together.
        group_interval: Least time from one message of a group to the next.
        repeat_interval: From the last message of an open group to a reminder of it; None for no reminders.
        resolve_after: A group is open for this time after its last alert; a later alert begins a new one.
        digest_every: All alerts of such a time go in one message; None for no digest.
        digest_at: All alerts until the next of these times go in one message; None for no digest.
        quiet_hours: Hours in which nothing is sent.
    """

    group_wait: float = 30.0
    group_interval: float = 300.0
    repeat_interval: float | None = None
    resolve_after: float = DAY
    digest_every: float | None = None
    digest_at: DailyTimes | None = None
    quiet_hours: Sequence[QuietHours] = ()

    def flush_at(self, first_pending_at: float, last_sent_at: float | None) -> float:
        """Return when a group is due.

        Args:
            first_pending_at: When the oldest alert came that was not sent yet.
            last_sent_at: When the last message of the group was sent; None where there was none.
        """
        if self.digest_at is not None:
            return self._awake(self.digest_at.next_after(first_pending_at))
        if self.digest_every is not None:
            return self._awake((math.floor(first_pending_at / self.digest_every) + 1) * self.digest_every)
        due = first_pending_at + self.group_wait
        return self._awake(due if last_sent_at is None else max(due, last_sent_at + self.group_interval))

    def remind_at(self, last_sent_at: float) -> float | None:
        """Return when a group is due to be told again that has no new alerts; None for never."""
        return None if self.repeat_interval is None else self._awake(last_sent_at + self.repeat_interval)

    def _awake(self, moment: float) -> float:
        """Return a moment, or the end of the quiet hours that it is in."""
        for _ in range(8):  # quiet hours may end within others
            ends = [end for quiet in self.quiet_hours if (end := quiet.end_of(moment)) is not None]
            if not ends:
                break
            moment = max(ends)
        return moment
