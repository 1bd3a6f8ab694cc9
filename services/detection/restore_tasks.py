"""Tasks that restore a partition: from the state topic and what came since, or from the partition itself. Pure."""

from collections.abc import Iterable

from services.detection.input_restorer import RestoreTask
from services.detection.partition_state import PartitionState
from services.detection.state_reader import StateTask
from services.rules.model import Aggregation, Window
from services.rules.state_requirements import StateRequirements
from services.rules.windows import WindowState
from services.streaming.partition_reader import CommittedOffset
from services.streaming.positions import Partition
from services.streaming.restore_point import RestorePoint


def state_task(partition: Partition, committed: CommittedOffset, lateness_ms: int) -> StateTask | None:
    """Return the task that reads a partition's written state; None where the committed offset names none."""
    point = RestorePoint.from_metadata(committed.metadata)
    if point is None or point.state is None or (committed.offset or 0) < point.state.next_offset:
        return None
    return StateTask(partition, point, point.state, lateness_ms)


def task_since_state(
    task: StateTask, committed: CommittedOffset, needed: StateRequirements, *, lateness_ms: int, contributors: int
) -> RestoreTask | None:
    """Return the task that adds to a written state what came since; None where it has none of the windows.

    Args:
        task: Has read the written state.
        committed: The committed offset that named it.
        needed: The state that is needed; windows that were not written are left out.
        lateness_ms: Allowed lateness.
        contributors: Limit on ids that a match names.
    """
    aggregations = [aggregation for aggregation in needed.aggregations
                    if all(window in task.windows for window in _evaluated_on(aggregation))]  # fmt: skip
    if task.last is None or not aggregations:
        return None
    state = WindowState.of_entries(
        task.last.head, task.builder, aggregations, lateness_ms=lateness_ms, contributors=contributors
    )
    target = PartitionState.of_written(state, task.point, task.last.newest_ms)
    start, end = task.position.next_offset, committed.offset or 0
    return _task(task.partition, target, start, end, needed, clean=not task.point.dead_letters)


def task_of_retained(
    partition: Partition, retained: PartitionState, committed: CommittedOffset, needed: StateRequirements
) -> RestoreTask | None:
    """Return the task that continues from windows which this process still has; None where they are not enough."""
    if (
        committed.offset is None
        or retained.index.offset > committed.offset
        or retained.reach_ms < needed.reach_ms
        or retained.state.require(needed.aggregations)
    ):
        return None
    return _task(partition, retained, retained.index.offset, committed.offset, needed)


def task_from_topic(
    partition: Partition, committed: CommittedOffset, needed: StateRequirements, *, lateness_ms: int, contributors: int
) -> RestoreTask:
    """Return the task that restores a partition's windows by reading the partition again."""
    state = WindowState(lateness_ms=lateness_ms, contributors=contributors)
    state.require(needed.aggregations)
    if committed.offset is None:
        return _task(partition, PartitionState(state, 0, needed.reach_ms), 0, 0, needed)
    point = RestorePoint.from_metadata(committed.metadata)
    # A restore point of shorter windows is none for longer ones: then everything there is is read.
    start = point.start if point and point.reach_ms >= needed.reach_ms else 0
    target = PartitionState(state, start, needed.reach_ms, point.skipped if point else None)
    clean = point is not None and point.start == start and not point.dead_letters
    return _task(partition, target, start, committed.offset, needed, clean=clean)


def task_of_new_windows(partition: Partition, target: PartitionState, needed: StateRequirements) -> RestoreTask | None:
    """Return the task that fills the windows which new rules need from what was read before; None without new ones."""
    new = target.state.require(needed.aggregations)
    if not new:
        return None
    end = target.index.offset
    longer = needed.reach_ms > target.reach_ms
    start = 0 if longer else target.index.start((target.state.watermark_ms or 0) - needed.reach_ms)
    if longer:
        target.start_index(needed.reach_ms)
    return RestoreTask(partition, target, start, end, needed, only=new, note=longer)


def _evaluated_on(aggregation: Aggregation) -> Iterable[Window]:
    """Return the windows that an aggregation's results need: kept matches those of their rule as well."""
    others = aggregation.rule.aggregations if aggregation.rule else ()
    return (aggregation.window, *(other.window for other in others))


def _task(
    partition: Partition, target: PartitionState, start: int, end: int, needed: StateRequirements,
    *, clean: bool = False,
) -> RestoreTask:  # fmt: skip
    return RestoreTask(partition, target, start, end, needed, dead=() if clean or start >= end else None)
