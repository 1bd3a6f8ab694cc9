"""Inputs that producers get wrong: dated ahead or long ago, and badly keyed, with rules over time on."""

import time
from collections import defaultdict
from dataclasses import replace

from confluent_kafka import Message

from tools.chaos.faults.detectors import kill
from tools.chaos.rules_over_time import RulesOverTime
from tools.chaos.traffic import Payment, Producers, Traffic, payments
from tools.chaos.trial import Trial
from tools.chaos.verdict_comparison import content, headers
from tools.topics.batches import place

COUNT = 8000
SECONDS = 7.0
MINUTE_MS, YEAR_MS = 60_000, 365 * 86_400_000
AHEAD_MS = (MINUTE_MS, 10 * MINUTE_MS, 60 * MINUTE_MS, YEAR_MS, 1000 * YEAR_MS)
BEFORE_MS = (-MINUTE_MS, -20 * MINUTE_MS, -YEAR_MS, -50 * YEAR_MS)
LATENESS = 5
"""Seconds; short, so that a clock that follows the dates of one producer makes the windows of others forget."""

BURST, SENDERS = 15, 12
"""Payments to one account with one event time, and the limit of its rule: their order makes no difference."""


def dated_ahead(trial: Trial) -> None:
    """Some producers date their payments and their records ahead, by minutes or years; others long before."""
    chance, pipeline, count = trial.chance, trial.pipeline, int(COUNT * max(trial.scale, 0.4))
    over = RulesOverTime(trial, count, lateness=LATENESS)
    wrong = {number: chance.choice((*AHEAD_MS, *BEFORE_MS)) for number in range(count) if chance.random() < 0.02}
    written = [
        replace(payment, at_ms=payment.at_ms + wrong.get(number, 0))
        for number, payment in enumerate(payments(chance, count))
    ]
    offsets = {payment.id: wrong.get(number, 0) for number, payment in enumerate(written)}
    producers = Producers(pipeline)
    record_ahead = YEAR_MS // 365  # a day: how far the records themselves are dated ahead or back

    def send(payment: Payment, value: bytes) -> None:
        off = offsets[payment.id]
        dated = int(time.time() * 1000) + (record_ahead if off > 0 else -record_ahead if off else 0)
        producers.of("murmur2_random").produce(pipeline.input, value, payment.target, timestamp=dated)
        producers.poll()

    _write_across_a_restart(trial, over, Traffic(pipeline, written, SECONDS, send), producers)
    inputs = pipeline.read(pipeline.input)
    now = time.time() * 1000
    trial.require(all(message.timestamp()[1] <= now for message in inputs), "a record is dated by its producer")
    stages = [pipeline.read(pipeline.by_source)]
    bounded = over.expected(inputs, stages)
    trusting = over.expected(inputs, stages, clock=_event_time)
    differing = sum(bounded.get(key, set()) != trusting.get(key, set()) for key in bounded.keys() | trusting.keys())
    ahead = sum(off > 0 for off in offsets.values())
    trial.prove(
        ahead and differing,
        f"{ahead} payments dated ahead, {sum(off < -MINUTE_MS for off in offsets.values())} before; with their dates "
        f"as the clock {differing} verdicts would be others",
    )


def _event_time(_message: Message, at_ms: int) -> int:
    return at_ms


def badly_keyed(trial: Trial) -> None:
    """Payments without a key, with another key, or partitioned as librdkafka does it by default; repartitioned."""
    chance, pipeline, count = trial.chance, trial.pipeline, int(COUNT * max(trial.scale, 0.4))
    over = RulesOverTime(trial, count, repartition=True)
    written = payments(chance, count)
    bursts = [f"fanin{number:07d}" for number in range(count // 400)]
    at = int(time.time() * 1000)
    for target in bursts:
        for payment in payments(chance, BURST):
            sender = f"s{len(written):011d}"
            written.append(Payment(payment.id, sender, target, 100 + payment.cents % 40_000, 0))
    chance.shuffle(written)
    partitioning = ("no key", "other key", "consistent_random", "murmur2_random")
    ways = {payment.id: chance.choice(partitioning) for payment in written}
    producers = Producers(pipeline)

    def send(payment: Payment, value: bytes) -> None:
        way = ways[payment.id]
        key = {"no key": None, "other key": payment.source}.get(way, payment.target)
        producers.of(way if key == payment.target else "murmur2_random").produce(pipeline.input, value, key)
        producers.poll()

    class Bursts(Traffic):
        """All of a burst has the same event time."""

        def dated(self, payment: Payment) -> Payment:
            """Dates a payment."""
            if not payment.target.startswith("fanin"):
                return super().dated(payment)
            return replace(payment, at_ms=at)

    _write_across_a_restart(trial, over, Bursts(pipeline, written, SECONDS, send), producers)
    scattered = _scattered(trial, pipeline.read(pipeline.input))
    trial.prove(scattered, f"{scattered} receivers had payments in several partitions")
    moved = pipeline.read(pipeline.by_target)
    trial.require(
        not _scattered(trial, moved), "a receiver's payments are in several partitions of the repartition topic"
    )
    fired = [
        message
        for message in pipeline.read(pipeline.fraud)
        if b"many-senders" in headers(message)["rules.fired"] and b"fanin" in content(message)
    ]
    expected = len(bursts) * (BURST - SENDERS + 1)
    trial.require(
        len(fired) == expected,
        f"of {len(bursts)} bursts {expected} payments are fan-in in any order, and {len(fired)} were found to be",
    )


def _write_across_a_restart(trial: Trial, over: RulesOverTime, traffic: Traffic, producers: Producers) -> None:
    """Kill a detector in the middle of the traffic, start another, and wait until all is processed."""
    detector = trial.detector(**over.environment)
    detector.wait_for("rebalance", change="assigned")
    with traffic:
        trial.wait_for_output()
        trial.random_moment(1.0, 3.0)
        dead = kill(trial, detector, within=0.3)
        trial.detector(**over.environment)
        trial.wait_for_recovery(dead + 0.2)
    producers.flush()
    trial.drain()


def _scattered(trial: Trial, messages: list[Message]) -> int:
    """Number of receivers with messages in several partitions."""
    partitions: dict[str, set[int]] = defaultdict(set)
    for message in messages:
        partitions[trial.reader.record(content(message))["target"]].add(place(message)[1])
    return sum(len(numbers) > 1 for numbers in partitions.values())
