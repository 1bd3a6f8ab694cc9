"""Missing permissions are named by operation and resource."""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation

from services.errors import NotAuthorised
from services.streaming.authorisation import READ, WRITE, explain_refusals, not_granted, requires

TOPIC, GROUP = KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED


def test_operations_that_are_not_granted_are_missing() -> None:
    assert not_granted([READ, WRITE], [AclOperation.READ, AclOperation.DESCRIBE]) == [WRITE]
    assert not_granted([WRITE], [AclOperation.WRITE]) == []
    assert not_granted([READ, WRITE], None) == []  # a broker that doesn't say


def test_a_refused_call_names_what_it_needs() -> None:
    with pytest.raises(NotAuthorised, match="need CREATE on topic a;"), requires("CREATE", "topic a"):
        raise KafkaException(KafkaError(TOPIC))
    with pytest.raises(KafkaException, match="TIMED_OUT"), requires("CREATE", "topic a"):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def refused(code: int) -> NotAuthorised:
    error = NotAuthorised("the broker refuses access")
    error.__cause__ = KafkaException(KafkaError(code))
    return error


def check_of(topic: str) -> Callable[[], None]:
    def check() -> None:
        if topic:
            raise NotAuthorised(f"need WRITE on topic {topic}")

    return check


@pytest.mark.parametrize(
    ("error", "lacking", "text"),
    [
        (refused(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED), "", "need WRITE on transactional id t;"),
        (refused(GROUP), "", "need READ on consumer group g;"),
        (refused(TOPIC), "fraud", "need WRITE on topic fraud"),
        (refused(TOPIC), "", "the broker refuses access"),
        (NotAuthorised("something else"), "fraud", "something else"),
        (KafkaException(KafkaError(GROUP)), "", "need READ on consumer group g;"),
    ],
)
def test_a_refusal_while_running_is_named(error: Exception, lacking: str, text: str) -> None:
    with pytest.raises(NotAuthorised, match=text), explain_refusals(check_of(lacking), group="g", transactional_id="t"):
        raise error
