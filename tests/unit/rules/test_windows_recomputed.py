from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.window_comparison import Comparison


@settings(max_examples=500, deadline=None)
@given(st.randoms(use_true_random=False))
def test_matches_equal_a_plain_recomputation_from_the_definition(random: Random) -> None:
    Comparison(random, Counter()).run()
