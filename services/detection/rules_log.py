"""The log of the rules: each version that evaluates transactions, with its text.

A version is written in the Kafka transaction of its first verdicts: a verdict whose version is not in the log can't be
read. Each process writes the versions that it uses, so that a version may be there several times.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import structlog

from services.contracts import RecordEncoder, Schema, frame
from services.rules.loading import parse_rules
from services.rules.model import RuleSet
from services.rules.models.loading import ReadFile
from services.streaming.sink import Sink

log = structlog.get_logger()

MAX_BYTES = 900_000
"""The largest record: brokers take 1 MB. No verdict waits for a rules file that is larger."""


class RulesLog:
    """Writes the versions of the rules.

    Args:
        topic: The topic.
        schema: Its contract.
        schema_id: The id of that in the registry.
    """

    def __init__(self, topic: str, schema: Schema, schema_id: int) -> None:
        self._topic = topic
        self._encoder = RecordEncoder(schema.json)
        self._schema_id = schema_id
        self._committed = self._written = ""

    def write(self, rules: RuleSet, sink: Sink) -> None:
        """Write the rules unless they are the last that were written."""
        if rules.version != self._written:
            self._written = rules.version
            value = frame(self._schema_id, self._encoder.encode(record_of(rules, time.time_ns() // 1_000_000)))
            if len(value) > MAX_BYTES:
                log.warning(
                    "rules too large for their topic", topic=self._topic, version=rules.version, bytes=len(value)
                )
                return
            sink.send(self._topic, value, rules.version.encode())

    def committed(self) -> None:
        """Note that what was written is committed."""
        self._committed = self._written

    def aborted(self) -> None:
        """Forget what was written since the last commit."""
        self._written = self._committed


def record_of(rules: RuleSet, activated_ms: int) -> dict[str, Any]:
    """Return the record of a version of the rules, activated at a time in milliseconds since the epoch."""
    return {
        "version": rules.version,
        "text": rules.text,
        "constants": {name: str(value) for name, value in rules.constants.items()},
        "source": rules.source,
        "activated_at": datetime.fromtimestamp(activated_ms / 1000, UTC),
    }


def rules_of(record: Mapping[str, Any], schema: Schema, read_file: ReadFile) -> RuleSet:
    """Return the rules in a record.

    Args:
        record: The record.
        schema: The schema of transactions.
        read_file: Reads the model files that the rules name.

    Raises:
        RulesError: The rules don't fit the schema any more, or a model file is not there.
    """
    constants = {name: Decimal(value) for name, value in record["constants"].items()}
    return parse_rules(record["text"], record["source"], schema, constants, read_file)
