"""Restore points in offset metadata."""

import pytest

from services.streaming.restore_point import RestorePoint, Skipped


@pytest.mark.parametrize("point", [
    RestorePoint(12, 86_400_000, dead_letters=False),
    RestorePoint(12, 86_400_000, dead_letters=True),
    RestorePoint(0, 0, dead_letters=False, skipped=Skipped(17, 1_700_000_000_000)),
])  # fmt: skip
def test_a_restore_point_survives_a_round_trip(point: RestorePoint) -> None:
    assert RestorePoint.from_metadata(point.to_metadata()) == point


def test_metadata_without_dead_letters_means_that_there_may_be_some() -> None:
    assert RestorePoint.from_metadata('{"windows_from":5,"reach_ms":7}') == RestorePoint(5, 7, dead_letters=True)


@pytest.mark.parametrize("text", ["", "null", "[]", '"x"', '{"windows_from": null, "reach_ms": 1}', "a note", "{}"])
def test_other_metadata_is_no_restore_point(text: str) -> None:
    assert RestorePoint.from_metadata(text) is None


def test_the_largest_restore_point_fits_the_limit_of_metadata() -> None:
    largest = RestorePoint(2**63, 2**63, dead_letters=True, skipped=Skipped(2**63, 2**63))
    assert len(largest.to_metadata()) < 4096
