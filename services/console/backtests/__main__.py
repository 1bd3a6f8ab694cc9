"""The worker's composition root: compares two rules files on the last days, and writes progress and the result.

It reads a request from standard input and the console's settings from the environment. Each line of its output is JSON:
`{"phase": "read" | "evaluated", "done": 1, "total": 2}`, then `{"result": {...}}` or `{"error": "..."}`.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from services.console.access import GROUP
from services.console.backtests.process import EVALUATED, READ, Request
from services.console.settings import ConsoleSettings
from services.contracts import Registry, RegistrySettings, load_contracts
from services.detection.rules_check import check_topology
from services.detection.settings import DetectorSettings
from services.errors import ExpectedError, UsageError
from services.history import Block, evaluate_history
from services.history.comparison import Comparison
from services.history.result import Result, result_of
from services.history.stages import stages_of
from services.history.topic_input import TooManyMessagesError, TopicInput, TopicSettings
from services.rules.fields import fields_of_schema
from services.rules.loading import constants_of, parse_rules
from services.rules.model import RuleSet
from services.rules.models.json_reading import ModelError
from services.rules.models.loading import ReadFile, beside, model_files
from services.streaming.clients import KafkaClients
from services.streaming.logs import configure_logging
from services.streaming.settings import librdkafka_properties, load_settings

CHANGED, IN_FORCE = "the changed rules", "the rules in force"
_NICE = 10
"""Pages come first."""


def main() -> int:
    """Serve one request; return the exit code."""
    configure_logging("console-backtest", "error")
    os.nice(_NICE)
    try:
        _say(result=asdict(backtest(Request(**json.load(sys.stdin)))))
    except ExpectedError as error:
        _say(error=str(error))
    except BrokenPipeError:  # the console has ended, or it has ended this backtest
        sys.stderr.close()  # the exit would write about the broken pipe, too
    return 0


def backtest(request: Request) -> Result:
    """Compare two rules files on the transactions of the last days.

    Raises:
        ExpectedError: The changed file has faults, there are too many transactions, or the cluster can't be had.
    """
    settings = load_settings(ConsoleSettings, RegistrySettings)
    detectors = load_settings(DetectorSettings, RegistrySettings, ConsoleSettings)
    contracts = load_contracts()
    schema = contracts.topic(settings.transactions_topic).required_schema
    read_file = _only(model_files(request.in_force.encode()), beside(settings.rules_file))

    def parse(text: str, source: str) -> RuleSet:
        return parse_rules(text, source, schema, constants_of(detectors.suspicious_amount), read_file)

    changed = parse(request.changed, "rules.toml")
    checked = check_topology(changed, detectors, contracts)
    in_force = parse(request.in_force, str(settings.rules_file))
    fields = fields_of_schema(schema)
    comparison = Comparison(in_force, changed, fields, request.examples)
    progress = _Progress()
    longest = timedelta(milliseconds=max(in_force.longest_ms, changed.longest_ms))
    lateness = timedelta(seconds=detectors.allowed_lateness)
    with Registry() as registry:
        source = TopicInput(
            KafkaClients(settings, librdkafka_properties(), client_id="console-backtest"), registry, contracts,
            TopicSettings(
                settings.transactions_topic, settings.labels_topic,
                begin=datetime.now(UTC) - timedelta(hours=request.hours), fill=longest + lateness,
                limit=settings.backtest_messages, reviewed_only=True, group=GROUP,
            ),
            progress.read,
        )  # fmt: skip
        try:
            history = evaluate_history(
                progress.evaluated(source.blocks()),
                stages_of(in_force, changed, partitions=source.partitions),
                lateness_ms=round(detectors.allowed_lateness * 1000),
                watch=comparison.watch,
            )
        except TooManyMessagesError as error:
            raise UsageError(f"{error} (BACKTEST_MESSAGES): choose fewer days") from None
    return result_of(
        comparison, history, names=(IN_FORCE, CHANGED), source=source.name, notes=[*source.notes(), *checked.warnings]
    )


class _Progress:
    """Writes how far it is."""

    def __init__(self) -> None:
        self._read = 0

    def read(self, done: int, total: int) -> None:
        """Tell of messages that were read."""
        self._read = done
        _say(phase=READ, done=done, total=total)

    def evaluated(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Return blocks, and tell of each that was evaluated."""
        done = 0
        for block in blocks:
            yield block
            done += block.rows
            _say(phase=EVALUATED, done=done, total=self._read)


def _only(names: list[str], read_file: ReadFile) -> ReadFile:
    """Return what reads the files of the rules in force, and no other: a pasted text must not read the server's."""

    def read(name: str) -> bytes:
        if name not in names:
            known = ", ".join(names) or "none"
            raise ModelError(f"{name}: not a model file of the rules in force (expected one of them: {known})")
        return read_file(name)

    return read


def _say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
