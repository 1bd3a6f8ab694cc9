"""The windows of the partitions that this process has: brought back when they come, let go when they leave.

The input topics are the truth: windows are rebuilt by reading a partition again, from where its bookmark says up to
the committed offset, and equal then what they were, whoever had the partition before.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from confluent_kafka import Message
from numpy.typing import NDArray

from services.detector.batches import decode
from services.detector.metrics import DetectorMetrics
from services.detector.reach import Bookmark, Reach
from services.detector.rules.model import EVENT_TIME, Columns, Figure, Rule, Window
from services.detector.windows import Judgement, WindowState
from services.detector.writers import Writers
from services.errors import PipelineError
from services.streaming.handler import Partition
from services.streaming.history import Committed, History

log = structlog.get_logger()


@dataclass(frozen=True)
class Needs:
    """What the rules need of a topic.

    Attributes:
        figures: What is taken over windows; nothing is kept where there are none.
        fields: What has to be decoded for them.
        reach_ms: The longest window and the allowed lateness.
    """

    figures: tuple[Figure, ...]
    fields: tuple[str, ...]
    reach_ms: int


def needs_of(rules: Iterable[Rule], lateness_ms: int) -> Needs:
    """What some rules need of their stage's topic."""
    figures = tuple(figure for rule in rules for figure in rule.figures)
    fields = {EVENT_TIME} | {field for rule in rules if rule.figures for field in rule.fields}
    longest = max((figure.window.over_ms for figure in figures), default=0)
    return Needs(figures, tuple(sorted(fields)), longest + lateness_ms)


def clock(event_times: NDArray[np.int64], messages: Sequence[Message]) -> NDArray[np.int64]:
    """What time it was at each message, for deciding what is too old to be kept.

    That is its event time, but no later than when it was written: one transaction dated years ahead must not empty
    everybody's windows.
    """
    written = np.array([message.timestamp()[1] for message in messages], np.int64)
    return np.where(written > 0, np.minimum(event_times, written), event_times)


class _Held:
    """One partition's windows."""

    def __init__(self, state: WindowState, offset: int, reach_ms: int) -> None:
        self.state = state
        self.reach = Reach(offset)
        self.reach_ms = reach_ms

    @property
    def horizon_ms(self) -> int:
        return (self.state.watermark_ms or 0) - self.reach_ms


class Partitions:
    """The windows of all partitions that are ours.

    Args:
        history: Reads what partitions held before.
        writers: How to read each schema id.
        metrics: Told how much is kept.
        lateness_ms: How much later than the newest a transaction may come and still find its whole interval.
        contributors: How many transaction ids an alert names at most.
    """

    def __init__(
        self, history: History, writers: Writers, metrics: DetectorMetrics, lateness_ms: int, contributors: int = 100
    ) -> None:
        self._history = history
        self._writers = writers
        self._metrics = metrics
        self._lateness_ms = lateness_ms
        self._contributors = contributors
        self._held: dict[Partition, _Held] = {}
        self._owned: set[Partition] = set()
        self._complete = True
        self._touched: set[Partition] = set()
        self._measured_at = 0.0
        self._unmeasured: list[Partition] = []

    @property
    def complete(self) -> bool:
        """Whether the windows of every partition that is ours are there."""
        return self._complete

    def keeps(self, topic: str) -> bool:
        """Whether anything is kept of a topic."""
        return any(held == topic for held, _ in self._held)

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """These are ours; `bring` will bring their windows."""
        self._owned.update(partitions)
        self._complete = False

    def revoked(self, partitions: Iterable[Partition]) -> None:
        """These are ours no more: forgets their windows."""
        for partition in partitions:
            self._owned.discard(partition)
            self._touched.discard(partition)
            if self._held.pop(partition, None):
                self._metrics.forget_windows(partition)

    def bring(self, needs: Mapping[str, Needs]) -> None:
        """Rebuilds what is missing: whole partitions that are new, and windows that are new in the others.

        Args:
            needs: By topic what its rules need.

        Raises:
            RetryableError: Brokers or registry can't be asked now.
        """
        for partition in list(self._held):
            try:
                self._extend(partition, self._held[partition], needs[partition[0]])
            except PipelineError:
                del self._held[partition]  # half of its windows are of no use: the next try rebuilds all of them
                self._complete = False
                raise
        missing = sorted(partition for partition in self._owned - set(self._held) if needs[partition[0]].figures)
        committed = self._history.committed(missing) if missing else {}
        for partition in missing:
            held = self._rebuilt(partition, committed[partition], needs[partition[0]])
            if held is None:
                return  # told to stop
            self._held[partition] = held
        self._complete = True

    def keep_only(self, needs: Mapping[str, Needs]) -> None:
        """Stops keeping windows that no rule looks at any more."""
        for partition, held in list(self._held.items()):
            need = needs[partition[0]]
            if not need.figures:
                del self._held[partition]
                self._metrics.forget_windows(partition)
            else:
                held.state.retain({figure.window for figure in need.figures})
                held.reach_ms = need.reach_ms

    def judge(
        self, partition: Partition, columns: Columns, times: NDArray[np.int64], rules: Sequence[Rule]
    ) -> Judgement:
        """Keeps and judges transactions of a partition, in the order that they were read.

        Args:
            partition: Which; the next call with it must be about what follows.
            columns: What the rules need.
            times: What time it was at each (see `clock`).
            rules: Those with windows.
        """
        self._touched.add(partition)
        return self._held[partition].state.judge(columns, len(times), rules, clock=times)

    def note(self, partition: Partition, first: int, next_offset: int, newest_ms: int | None) -> None:
        """Notes how far a partition was read (see `Reach.note`)."""
        held = self._held.get(partition)
        if held is not None:
            self._touched.add(partition)
            held.reach.note(first, next_offset, newest_ms)

    def bookmark(self, partition: Partition) -> str:
        """What to commit with the partition's offset."""
        held = self._held.get(partition)
        return Bookmark(held.reach.start(held.horizon_ms), held.reach_ms).text() if held else ""

    def commit(self) -> None:
        """What was judged since the last commit stands."""
        for partition in self._touched:
            held = self._held[partition]
            held.state.commit()
            held.reach.commit(held.horizon_ms)
        self._touched.clear()
        self._measure()

    def _measure(self) -> None:
        """Tells what is held: each partition about once a second, one at a time, so that nothing waits for all."""
        now = time.monotonic()
        if not self._held or now - self._measured_at < 1 / len(self._held):
            return
        self._measured_at = now
        self._unmeasured = [one for one in self._unmeasured if one in self._held] or list(self._held)
        partition = self._unmeasured.pop()
        self._metrics.note_windows(partition, self._held[partition].state)

    def rollback(self) -> None:
        """What was judged since the last commit is undone."""
        for partition in self._touched:
            self._held[partition].state.rollback()
            self._held[partition].reach.rollback()
        self._touched.clear()

    def _rebuilt(self, partition: Partition, committed: Committed, needs: Needs) -> _Held | None:
        """A partition's windows as they were at its committed offset."""
        state = WindowState(lateness_ms=self._lateness_ms, contributors=self._contributors)
        state.require(needs.figures)
        if committed.offset is None:
            return _Held(state, 0, needs.reach_ms)
        bookmark = Bookmark.read(committed.bookmark)
        # What was noted for shorter windows says nothing about longer ones: then everything there is is read.
        start = bookmark.start if bookmark and bookmark.reach_ms >= needs.reach_ms else 0
        held = _Held(state, start, needs.reach_ms)
        return held if self._feed(partition, held, start, committed.offset, needs) else None

    def _extend(self, partition: Partition, held: _Held, needs: Needs) -> None:
        """Begins to keep windows that new rules need, with what the partition held before."""
        new = held.state.require(needs.figures)
        if not new:
            return
        longer = needs.reach_ms > held.reach_ms
        end = held.reach.offset
        start = 0 if longer else held.reach.start((held.state.watermark_ms or 0) - needs.reach_ms)
        if longer:
            held.reach, held.reach_ms = Reach(0), needs.reach_ms
        self._feed(partition, held, start, end, needs, only=new, note=longer)

    def _feed(
        self,
        partition: Partition,
        held: _Held,
        start: int,
        end: int,
        needs: Needs,
        *,
        only: Collection[Window] | None = None,
        note: bool = True,
    ) -> bool:
        """Reads a stretch of a partition into its windows; whether it came to the end."""
        began, count = time.monotonic(), 0
        for messages in self._history.read(partition, start, end):
            batch = decode([message.value() for message in messages], self._writers.__getitem__, needs.fields)
            good = [messages[row] for row in batch.rows.tolist()]
            newest = None
            if good:
                times = batch.columns[EVENT_TIME]
                held.state.add(batch.columns, len(good), clock=clock(times, good), only=only)
                newest = int(times.max())
            if note:
                held.reach.note(messages[0].offset() or 0, (messages[-1].offset() or 0) + 1, newest)
                held.reach.commit(held.horizon_ms)
            held.state.commit()
            count += len(messages)
        if self._history.stopped:
            return False
        if note:
            held.reach.note(end, end, None)
            held.reach.commit(held.horizon_ms)
        log.info(
            "windows rebuilt", topic=partition[0], partition=partition[1], from_offset=start, to_offset=end,
            messages=count, entries=held.state.entries, seconds=round(time.monotonic() - began, 2),
        )  # fmt: skip
        return True
