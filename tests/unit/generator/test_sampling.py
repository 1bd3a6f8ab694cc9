"""Sampled transactions: as many as the ratio says, wherever batches end."""

from random import Random

import pytest

from services.generator.sampling import TraceSampler
from services.streaming.tracing import sampled_traceparent
from tests.support.spans import MemoryTracer


def test_as_many_are_sampled_as_the_ratio_says_each_with_a_trace_of_its_own() -> None:
    memory = MemoryTracer()
    sampler = TraceSampler(memory.tracer, 0.01, "payments", Random(1))
    contexts = [sampled_traceparent(headers) for _ in range(200) for headers in sampler.headers(100).values()]
    assert 150 < len(contexts) < 250  # of 200 expected
    assert None not in contexts
    assert len(set(contexts)) == len(contexts) == len(memory.spans)
    assert {span.name for span in memory.spans} == {"create payments"}


@pytest.mark.parametrize("sizes", [[1] * 1000, [1000], [7] * 142 + [6]])
def test_the_sampled_ones_do_not_depend_on_the_sizes_of_batches(sizes: list[int]) -> None:
    sampler = TraceSampler(MemoryTracer().tracer, 0.05, "payments", Random(5))
    expected = TraceSampler(MemoryTracer().tracer, 0.05, "payments", Random(5))
    rows, begin = [], 0
    for size in sizes:
        rows += [begin + row for row in sampler.headers(size)]
        begin += size
    assert rows == list(expected.headers(1000))


def test_a_ratio_of_one_samples_all() -> None:
    assert list(TraceSampler(MemoryTracer().tracer, 1, "payments").headers(3)) == [0, 1, 2]
