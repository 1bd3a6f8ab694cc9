"""Generators that are killed, and one whose broker is slower than itself."""

import re
import time

import httpx2
import psutil  # type: ignore[import-untyped]

from tools.chaos.trial import Trial
from tools.harness.waiting import DEADLINE, wait_for
from tools.local_cluster.ports import HOST, free_ports

BATCH = 1000
"""Transactions that an unpaced generator hands over at once: two of its metrics may differ by so many."""

RATE = 40_000  # transactions a second: more than the narrow way to the broker takes
QUEUE = 20_000
FULL = 0.9 * QUEUE
MEMORY_MB = 300


def killed(trial: Trial) -> None:
    """SIGKILL while it sends; what it knew to be acknowledged is there, and all that is there is processed."""
    (port,) = free_ports(1)
    trial.detector()
    generator = trial.generator(0, METRICS_PORT=str(port), METRICS_HOST=HOST)
    trial.wait_for_output()
    trial.note_fault()
    until = time.monotonic() + trial.chance.uniform(0.0, 1.0)
    acknowledged = waiting = 0
    deadline = until + DEADLINE
    while time.monotonic() < deadline:
        metrics = _metrics(port)
        waiting = metrics["fraud_generator_producer_queue_messages"]
        acknowledged = max(acknowledged, metrics["fraud_generator_transactions_total"] - waiting - BATCH)
        if time.monotonic() > until and waiting:
            break
    trial.exclude(generator)
    generator.kill()
    trial.prove(waiting, f"killed with {waiting} transactions on their way and {acknowledged} or more acknowledged")
    dead = time.monotonic()
    wait_for(lambda: _quiet(trial), "the input topic grows no more", pause=0.1)
    arrived = len(trial.pipeline.read(trial.pipeline.input))
    trial.require(arrived >= acknowledged, f"{acknowledged} were acknowledged and {arrived} are there")
    if trial.lag():
        trial.wait_for_recovery(dead)


def queue_full(trial: Trial) -> None:
    """The way to the broker is narrow, so queues fill up: memory stays bounded and nothing is dropped."""
    link = trial.bench.link
    assert link is not None  # noqa: S101 - its bench has one
    narrow = {"KAFKA_BROKER_URL": f"{HOST}:{link.port}",
              "KAFKA_CONFIG_QUEUE_BUFFERING_MAX_MESSAGES": str(QUEUE)}  # fmt: skip
    (port,) = free_ports(1)
    detector = trial.detector(**narrow)
    generator = trial.generator(RATE, METRICS_PORT=str(port), METRICS_HOST=HOST, **narrow)
    trial.wait_for_output()
    trial.random_moment(0.0, 0.1)
    link.rate = trial.chance.randrange(2_000_000, 5_000_000) * trial.rate(RATE) // RATE
    fullest = largest = 0
    began = time.monotonic()
    until, deadline = began + 4 + 8 * trial.scale, began + DEADLINE
    while time.monotonic() < (until if fullest >= FULL else deadline):
        fullest = max(fullest, _metrics(port)["fraud_generator_producer_queue_messages"])
        largest = max(
            largest, *(psutil.Process(service.process.pid).memory_info().rss for service in (generator, detector))
        )
        time.sleep(0.02)
    wide = time.monotonic()
    link.restore()
    trial.wait_for_recovery(wide)
    trial.prove(
        fullest >= FULL,
        f"{fullest} of {QUEUE} places of the generator's queue were taken; memory {largest >> 20} MB",
    )
    trial.require(largest < MEMORY_MB << 20, f"a process grew to {largest >> 20} MB")


def _metrics(port: int) -> dict[str, int]:
    text = httpx2.get(f"http://{HOST}:{port}/metrics", timeout=5, trust_env=False).text
    metrics = re.findall(r"^(\w+) ([\d.e+]+)$", text, re.MULTILINE)
    return {name: int(float(value)) for name, value in metrics}


def _quiet(trial: Trial) -> bool:
    """Return whether nothing came to the input topic for a moment."""
    before = trial.input_ends()
    time.sleep(0.3)
    return trial.input_ends() == before
