"""Liveness and readiness of a process by the progress of its loop."""

import time

from services.streaming.progress import (
    SETTLING_SECONDS,
    STALLED_WAITING_SECONDS,
    LoopProgress,
    Progress,
    RestoreProgress,
)

FIRST, SECOND = ("in", 0), ("in", 1)


def later(seconds: float) -> float:
    return time.monotonic() + seconds


def test_a_loop_is_alive_while_it_steps() -> None:
    progress = Progress(stalled_after=60)
    progress.step()
    assert progress.liveness(later(59)) == (True, [])
    ok, reasons = progress.liveness(later(61))
    assert not ok
    assert reasons[0].startswith("the loop made no step for 61 s")


def test_a_loop_that_waits_for_a_named_reason_is_alive_longer() -> None:
    progress = Progress(stalled_after=60)
    progress.waiting("broker a:1 is away")
    assert progress.liveness(later(100)) == (True, ["waiting: broker a:1 is away"])
    assert not progress.liveness(later(STALLED_WAITING_SECONDS + 1)).ok
    progress.waiting(None)
    assert not progress.liveness(later(100)).ok


def test_a_loop_without_partitions_is_ready_from_its_first_step() -> None:
    progress = Progress()
    assert progress.readiness() == (False, ["not started"], [])
    progress.step()
    assert progress.readiness() == (True, [], [])


def test_a_member_is_ready_when_all_its_partitions_are_restored() -> None:
    progress = LoopProgress()
    progress.step()
    assert progress.readiness().reasons == ["no partitions assigned: the process is not a member of its group"]
    progress.assigned([FIRST, SECOND])
    progress.restored(FIRST)
    progress.restoring(SECOND, 1200, 2.6)
    assert progress.restores() == {SECOND: RestoreProgress(1200, 2.6)}
    assert progress.readiness() == (False, ["restoring in-1: 1200 records left, about 3 s left"], [])
    progress.restored(SECOND)
    assert progress.readiness() == (True, [], [])
    assert progress.partitions() == (FIRST, SECOND)


def test_a_member_without_partitions_becomes_ready() -> None:
    progress = LoopProgress()
    progress.step()
    progress.assigned([])
    assert progress.readiness().reasons == ["no partitions assigned yet: the group may be rebalancing"]
    assert progress.readiness(later(SETTLING_SECONDS)) == (True, [], [])
    assert progress.partitions() == ()


def test_a_revoked_partition_is_not_restored_any_more() -> None:
    progress = LoopProgress()
    progress.assigned([FIRST, SECOND])
    progress.restored(FIRST)
    progress.revoked([SECOND])
    progress.restoring(SECOND, 1, None)
    progress.restored(SECOND)
    assert progress.restores() == {}
    assert progress.partitions() == (FIRST,)
    assert progress.readiness().ready


def test_a_ready_process_stays_ready_without_partitions() -> None:
    progress = LoopProgress()
    progress.assigned([FIRST])
    progress.restored(FIRST)
    progress.revoked([FIRST])  # by a group with many members, or lost while the broker is away
    assert progress.readiness() == (True, [], [])


def test_a_kept_assignment_stays_restored() -> None:
    progress = LoopProgress()
    progress.assigned([FIRST])
    progress.restored(FIRST)
    progress.assigned([FIRST])
    assert progress.readiness().ready


def test_a_ready_process_stays_ready_while_it_waits_for_a_named_reason() -> None:
    progress = LoopProgress()
    progress.assigned([FIRST])
    progress.restored(FIRST)
    progress.waiting("the broker is away")
    progress.left()
    ready, reasons, degraded = progress.readiness()
    assert ready
    assert reasons == ["no partitions assigned: the process is not a member of its group"]
    assert degraded == ["waiting: the broker is away"]
    progress.waiting(None)
    assert not progress.readiness().ready


def test_a_process_that_was_never_ready_is_not_ready_while_it_waits() -> None:
    progress = LoopProgress()
    progress.waiting("the broker is away")
    ready, reasons, _ = progress.readiness()
    assert not ready
    assert "waiting: the broker is away" in reasons


def test_a_hanging_process_is_not_ready() -> None:
    progress = LoopProgress(stalled_after=60)
    progress.assigned([FIRST])
    progress.restored(FIRST)
    ready, reasons, _ = progress.readiness(later(61))
    assert not ready
    assert reasons[-1].startswith("the loop made no step for ")


def test_degraded_conditions_are_listed_until_they_are_cleared() -> None:
    progress = LoopProgress()
    progress.assigned([FIRST])
    progress.restored(FIRST)
    progress.degraded("input-keys", "12 messages have another key than their target")
    assert progress.readiness() == (True, [], ["input-keys: 12 messages have another key than their target"])
    progress.degraded("input-keys", None)
    assert progress.readiness().degraded == []
