"""The checker gives the verdicts of the reference implementation, on random pairs of schemas."""

from tests.support.compare_with_java import compare


def test_ten_thousand_random_pairs_get_the_verdict_of_avro_java() -> None:
    comparison = compare(seed=20_250_101, count=10_000)

    assert comparison.disagreements == [], comparison.report()
    assert comparison.stricter <= 10, comparison.report()
    assert comparison.refused.total() <= 200, comparison.report()
    share = comparison.verdicts["compatible"] / comparison.verdicts.total()
    assert 0.25 <= share <= 0.75, comparison.report()
