"""Lint's strict rules refuse what Avro Java's parser refuses, and nothing else but by name."""

from tests.support.lint_with_java import compare


def test_random_corruptions_are_judged_as_java_judges_them() -> None:
    comparison = compare(seed=20260801, count=2_000)

    assert comparison.disagreements == []
    assert min(comparison.verdicts.values()) > 500
    assert comparison.found_by_java_alone <= 10
