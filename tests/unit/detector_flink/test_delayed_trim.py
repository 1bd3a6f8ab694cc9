"""Deleting from the state topic once no job can need it."""

from typing import Any

from services.detector_flink.delayed_trim import DelayedTrim

STATE = ("state", 0)


def test_records_are_deleted_a_delay_after_they_were_unneeded() -> None:
    now = 0.0
    deleted: list[Any] = []
    trim = DelayedTrim(deleted.append, 900, lambda: now)
    for minute in range(15):
        now = minute * 60.0
        trim({STATE: 10 * (minute + 1)})
    assert deleted == []
    now = 15 * 60.0
    trim({STATE: 500})
    assert deleted == [{STATE: 10}]
    now = 17 * 60.0
    trim({STATE: 600})
    assert deleted == [{STATE: 10}, {STATE: 30}]
