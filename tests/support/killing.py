"""Kills of a detector in the middle of a Kafka transaction."""

import random
import signal
import time

from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service


def killed_inside_a_transaction(pipeline: Pipeline, detector: Service) -> bool:
    """Kill a detector; return whether a transaction was open then; that is looked for while it is halted."""
    is_open = False
    for _ in range(50):
        detector.process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)  # what it has sent arrives
        is_open = pipeline.open_transactions() > 0
        if is_open:
            break
        detector.process.send_signal(signal.SIGCONT)
        time.sleep(random.uniform(0.01, 0.08))
    detector.kill()
    return is_open
