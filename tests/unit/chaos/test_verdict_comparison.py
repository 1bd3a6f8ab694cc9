"""The comparison finds what is lost, doubled or out of order, and wrong verdicts and alerts."""

import json
from collections.abc import Mapping
from typing import Any, cast

from confluent_kafka import Message

from tools.chaos.results import Tally
from tools.chaos.verdict_comparison import TopicContents, compare_verdicts

IDS = {name: f"{name * 36}" for name in "abcd"}


class Record:
    """A message as far as the comparison looks at it."""

    def __init__(
        self, topic: str, offset: int, value: bytes | None, headers: Mapping[str, bytes] | None = None
    ) -> None:
        self._fields = topic, offset, value, headers

    def topic(self) -> str:
        return self._fields[0]

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._fields[1]

    def value(self) -> bytes | None:
        return self._fields[2]

    def headers(self) -> list[tuple[str, bytes]]:
        return list((self._fields[3] or {}).items())


def framed(name: str) -> bytes:
    return b"\0\0\0\0\1H" + IDS[name].encode()


def topic(name: str, *values: bytes | None, fired: str = "") -> list[Message]:
    headers = {"rules.fired": fired.encode()} if fired else None
    return cast("list[Message]", [Record(name, offset, value, headers) for offset, value in enumerate(values)])


def dead_letter(origin: str, offset: int) -> Message:
    names = {"topic": origin, "partition": "0", "offset": str(offset), "stage": "", "exception.class.name": "E",
             "exception.message": ""}  # fmt: skip
    headers = {f"__connect.errors.{name}": text.encode() for name, text in names.items()}
    return cast("Message", Record("dead", 0, None, headers))


def alert(rule: str, name: str) -> bytes:
    return json.dumps({"rule": rule, "transaction": {"id": IDS[name]}}).encode()


EXPECTED = {IDS["b"]: {("many", "shop")}}
RIGHT: dict[str, Any] = {
    "inputs": topic("in", framed("a"), None, framed("b"), framed("c")),
    "stages": [topic("by-source", framed("a"), framed("b"), framed("c"))],
    "legit": topic("legit", framed("a")),
    "fraud": topic("fraud", framed("b"), fired="many"),
    "dead": [dead_letter("in", 1), dead_letter("by-source", 2)],
    "alerts": topic("alerts", alert("many", "b")),
}


def tally(**changed: Any) -> Tally:
    contents = TopicContents(**{**RIGHT, **changed})
    return compare_verdicts(contents, {("in", 0, 1)}, {framed("c")}, EXPECTED, json.loads)


def test_everything_as_expected() -> None:
    assert tally() == Tally(messages=4)


def test_a_verdict_that_is_missing_or_doubled() -> None:
    assert tally(legit=[]) == Tally(messages=4, missing=1)
    assert tally(legit=topic("legit", framed("a"), framed("a"))).doubled == 1


def test_a_record_that_a_repartition_topic_lacks_or_has_twice() -> None:
    assert tally(stages=[topic("by-source", framed("a"), framed("d"), framed("c"))]).missing == 1
    assert tally(stages=[topic("by-source", framed("a"), framed("b"), framed("c"), framed("a"))]).doubled == 1


def test_dead_letters_are_compared_by_where_they_come_from() -> None:
    assert tally(dead=[dead_letter("in", 1)]).missing == 1
    result_tally = tally(dead=[dead_letter("in", 0), dead_letter("by-source", 2), dead_letter("by-source", 2)])
    assert (result_tally.missing, result_tally.doubled) == (1, 2)


def test_a_poison_record_that_has_a_verdict_is_one_too_many() -> None:
    assert tally(legit=topic("legit", framed("a"), framed("c"))).doubled == 1


def test_a_verdict_with_other_rules_or_in_another_topic() -> None:
    assert tally(fraud=topic("fraud", framed("b"), fired="many,other")).misplaced == 1
    assert tally(legit=topic("legit", framed("a"), framed("b")), fraud=[]).misplaced == 1
    assert tally(legit=[], fraud=topic("fraud", framed("b"), framed("a"), fired="many")).misplaced == 1


def test_alerts_that_are_missing_doubled_or_about_nothing() -> None:
    assert tally(alerts=[]).alerts == 1
    assert tally(alerts=topic("alerts", alert("many", "b"), alert("many", "b"))).alerts == 1
    assert tally(alerts=topic("alerts", alert("many", "b"), alert("other", "b"))).alerts == 1
    assert not tally(alerts=[]).holds


def test_a_message_behind_one_that_was_behind_it() -> None:
    assert tally(stages=[topic("by-source", framed("b"), framed("a"), framed("c"))], dead=[
        dead_letter("in", 1), dead_letter("by-source", 2)]).disordered == 1  # fmt: skip
