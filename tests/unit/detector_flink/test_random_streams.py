"""The job's evaluator on random streams; FLINK_STREAMS says how many, and `tests.support.flink_streams` runs 10,000."""

import os
from collections import Counter
from random import Random

from tests.support.flink_streams import FlinkStream

STREAMS = int(os.environ.get("FLINK_STREAMS", "12"))


def test_verdicts_and_alerts_equal_a_plain_recomputation() -> None:
    seen: Counter[str] = Counter()
    for number in range(STREAMS):
        FlinkStream(Random(f"test/{number}"), seen).run()
    assert min(seen[what] for what in ("crashes", "rescales", "alerts", "dead letters", "records of state")) > 0, seen
