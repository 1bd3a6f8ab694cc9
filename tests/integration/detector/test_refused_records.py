"""A broker refuses what comes of a record, and does not say of which: the search finds it."""

from services.streaming.dead_letter_format import split_headers
from tests.support.accounting import Outcome, outcome_of, place_of, require_one_place_each
from tests.support.payments import pay_with_long_names
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service

RULES = """
[rules.rapid-fire]
severity = "high"
reason = "{payments} payments by {source} in 1 min"
windows.payments = { measure = "count", by = ["source"], over = "1m", at_least = 1000 }
"""


def start(pipeline: Pipeline, **settings: str) -> Service:
    path = pipeline.directory / "rules.toml"
    path.write_text(RULES)
    return pipeline.start("detector", RULES_FILE=str(path), **settings)


def dead_values(outcome: Outcome) -> set[bytes | None]:
    every = {place_of(message): message.value() for message in [*outcome.given, *outcome.staged]}
    return {every[origin] for origin in outcome.dead}


def test_records_beyond_limits_that_shrink_are_dead_letters(pipeline: Pipeline) -> None:
    with start(pipeline) as detector:
        detector.wait_for("rebalance", change="assigned")
        pay_with_long_names(pipeline, {})
        pipeline.wait_for_outputs(300)
        # Now the brokers take less than the detector has asked for at its start.
        pipeline.alter(pipeline.by_source, max_message_bytes="4000")
        pipeline.alter(pipeline.dead, max_message_bytes="6000")
        values = pay_with_long_names(pipeline, {40: 4100, 200: 7000})
        pipeline.wait_for_outputs(600)
        assert detector.events("delivery refused, searching for the record")
        assert not detector.events("replacing Kafka clients")
        assert detector.stop() == 0
    outcome = outcome_of(pipeline)
    require_one_place_each(outcome)
    assert dead_values(outcome) == {values[40], values[200]}
    letters = {}
    for origin, message in outcome.dead.items():
        parts = split_headers(message.headers() or [])
        assert parts
        assert origin[0] == pipeline.input
        assert parts.origin["exception.class.name"].endswith("UnprocessableError")
        assert "MSG_SIZE_TOO_LARGE" in parts.origin["exception.message"]
        letters[parts.details.get("value.size", b"")] = message
    # The largest is refused as a dead letter, too: it goes without its value.
    assert letters.keys() == {b"", str(len(values[200])).encode()}


def test_a_dead_letter_topic_that_takes_nothing_ends_the_retries(pipeline: Pipeline) -> None:
    with start(pipeline, RETRY_TIMEOUT="3") as detector:
        detector.wait_for("rebalance", change="assigned")
        pay_with_long_names(pipeline, {})
        pipeline.wait_for_outputs(300)
        pipeline.alter(pipeline.dead, max_message_bytes="100")
        pipeline.produce([b"junk"])
        detector.wait_for("dead letter refused")
        assert detector.exit_code() == 3
        assert "MSG_SIZE_TOO_LARGE" in detector.events("stopped")[-1]["reason"]
    pipeline.alter(pipeline.dead, max_message_bytes="1000000")
    with start(pipeline) as detector:
        pipeline.wait_for_outputs(301)
        assert detector.stop() == 0
    require_one_place_each(outcome_of(pipeline))
