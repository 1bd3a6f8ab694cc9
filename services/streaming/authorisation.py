"""Permissions that a process needs, and errors that name the missing ones by operation and resource.

Brokers list the operations that a client is authorised for on a topic or a group (KIP-430); brokers without an
authorizer allow everything. There is no such request for a transactional id: it is refused when it is first used.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation, AdminClient

from services.errors import NotAuthorised
from services.streaming.failures import NOT_AUTHORISED, reason

log = structlog.get_logger()

READ, WRITE, DESCRIBE = AclOperation.READ.name, AclOperation.WRITE.name, AclOperation.DESCRIBE.name
CREATE, ALTER = AclOperation.CREATE.name, AclOperation.ALTER.name
DESCRIBE_CONFIGS = AclOperation.DESCRIBE_CONFIGS.name

_TIMEOUT = 10.0
_MISSING = "not authorised: these credentials need"


def missing_permission(operations: Iterable[str], resource: str) -> str:
    """Return the line of an error about missing permissions.

    Args:
        operations: Such as WRITE.
        resource: Such as `topic payments`.
    """
    return f"{_MISSING} {' and '.join(operations)} on {resource}; grant it by an ACL"


def not_granted(needed: Iterable[str], granted: Iterable[AclOperation] | None) -> list[str]:
    """Return the needed operations that are not granted; none where the brokers don't list the granted ones.

    Args:
        needed: Names of operations.
        granted: Operations in the brokers' answer; None where the answer has none.
    """
    if granted is None:
        return []
    names = {operation.name for operation in granted}
    return [operation for operation in needed if operation not in names]


def is_refused(error: KafkaException) -> bool:
    """Return whether a broker's answer means that a permission is missing."""
    return error.args[0].name() in NOT_AUTHORISED


@contextmanager
def requires(operation: str, resource: str) -> Iterator[None]:
    """Name the missing permission where a call inside the ``with`` block is refused.

    Args:
        operation: Operation that the call needs, such as CREATE.
        resource: Such as `topic payments`.

    Raises:
        NotAuthorised: The brokers refuse it.
    """
    try:
        yield
    except KafkaException as error:
        if is_refused(error):
            raise NotAuthorised(missing_permission([operation], resource)) from error
        raise


def require_group(admin: AdminClient, group: str, operations: Sequence[str] = (READ,)) -> None:
    """Check that operations on a consumer group are authorised; by default that it may be joined.

    Raises:
        NotAuthorised: One is not.
    """
    resource = f"consumer group {group}"
    try:
        answer = admin.describe_consumer_groups([group], include_authorized_operations=True, request_timeout=_TIMEOUT)
        description = answer[group].result()
    except KafkaException as error:
        if is_refused(error):
            raise NotAuthorised(missing_permission(operations, resource)) from error
        # Its coordinator may be changing. Joining waits for the coordinator, and is refused then.
        log.debug("group not described", group=group, reason=reason(error))
        return
    if missing := not_granted(operations, description.authorized_operations):
        raise NotAuthorised(missing_permission(missing, resource))


@contextmanager
def explain_refusals(check: Callable[[], None], *, group: str, transactional_id: str) -> Iterator[None]:
    """Name the missing permission where the work inside the ``with`` block is refused.

    Args:
        check: Checks topics and group again, and raises `NotAuthorised` for those that are refused.
        group: The consumer group.
        transactional_id: The producer's transactional id.

    Raises:
        NotAuthorised: With the operation and the resource.
    """
    try:
        yield
    except (NotAuthorised, KafkaException) as error:
        if str(error).startswith(_MISSING):
            raise
        cause = error.__cause__ if isinstance(error, NotAuthorised) else error
        code = cause.args[0].code() if isinstance(cause, KafkaException) else None
        if code == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            raise NotAuthorised(missing_permission([WRITE], f"transactional id {transactional_id}")) from error
        if code == KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise NotAuthorised(missing_permission([READ], f"consumer group {group}")) from error
        if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            check()
        raise
