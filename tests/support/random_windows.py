"""Windows of several measures, and random rows for them: out of order, late, and of few keys."""

import random
from typing import Any

import numpy as np

from services.rules.model import Aggregation, Measure, Window

LATENESS = 5_000
WINDOWS = (
    Window(Measure.COUNT, None, ("source",), 10_000),
    Window(Measure.DISTINCT, "target", ("source",), 60_000),
    Window(Measure.SUM, "amount", ("source", "target"), 30_000),
    Window(Measure.INACTIVITY, None, ("source",), 120_000),
    Window(Measure.COUNT, None, ("target", "amount"), 40_000),
)


def aggregations(windows: tuple[Window, ...] = WINDOWS) -> list[Aggregation]:
    return [Aggregation(f"a{number}", window) for number, window in enumerate(windows)]


def batch(chance: random.Random, now: int) -> tuple[dict[str, Any], int]:
    rows = chance.randrange(1, 30)
    ids = [f"{chance.getrandbits(32):08x}-0000-4000-8000-{chance.getrandbits(48):012x}".encode() for _ in range(rows)]
    times = [now + chance.randrange(-12_000, 1_000) for _ in range(rows)]
    return {
        "id": np.array(ids),
        "source": np.array([f"payer{chance.randrange(6)}".encode() for _ in range(rows)]),
        "target": np.array([f"shop{chance.randrange(4)}".encode() for _ in range(rows)]),
        "amount": np.array([chance.randrange(3) for _ in range(rows)], np.int64),
        "created_at": np.array(times, np.int64),
    }, rows  # fmt: skip
