"""ACLs on the brokers: those that are there, those that are missing, and those that no program needs."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from services.errors import NotAuthorised, Unavailable
from services.streaming.access import GROUP, TOPIC, TRANSACTIONAL_ID
from services.streaming.authorisation import missing_permission, not_granted
from services.streaming.failures import raise_if_refused, reason
from tools.acls.formats import Acl, camel_case

_TIMEOUT = 30.0
_TYPES = {
    TOPIC: ResourceType.TOPIC,
    GROUP: ResourceType.GROUP,
    TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
}


@dataclass(frozen=True)
class Difference:
    """The difference between the brokers' ACLs and those that suffice.

    Attributes:
        missing: Those to be added.
        surplus: Those of the same users that no program needs, ones that deny among them.
    """

    missing: Sequence[AclBinding]
    surplus: Sequence[AclBinding]

    @property
    def lines(self) -> Sequence[str]:
        """A line for each of them."""
        return [
            *(f"missing  {described(binding)}" for binding in self.missing),
            *(f"surplus  {described(binding)}" for binding in self.surplus),
        ]


def bindings(acls: Iterable[Acl]) -> Sequence[AclBinding]:
    """Return ACLs in the form of Kafka's client, for clients of every host."""
    return [
        AclBinding(
            _TYPES[acl.permission.resource],
            acl.permission.name,
            ResourcePatternType[acl.permission.pattern],
            acl.principal,
            "*",
            AclOperation[acl.permission.operation],
            AclPermissionType.ALLOW,
        )
        for acl in acls
    ]


def compare(admin: AdminClient, acls: Sequence[Acl]) -> Difference:
    """Compare the brokers' ACLs with those that suffice.

    Args:
        admin: Client of the cluster.
        acls: Those that suffice.

    Raises:
        NotAuthorised: These credentials may not see ACLs.
        Unavailable: The brokers do not answer, or have no authorizer.
    """
    _require(admin, "DESCRIBE")
    needed = set(bindings(acls))
    users = dict.fromkeys(acl.principal for acl in acls)
    existing = {binding for user in users for binding in _of(admin, user)}
    return Difference(_sorted(needed - existing), _sorted(existing - needed))


def add(admin: AdminClient, missing: Sequence[AclBinding]) -> None:
    """Add ACLs, and wait until the brokers have them; raises as `compare`."""
    if missing:
        _require(admin, "ALTER")
        with _changing():
            for answer in admin.create_acls(list(missing), request_timeout=_TIMEOUT).values():
                answer.result()
        _await(admin, missing, present=True)


def remove(admin: AdminClient, surplus: Sequence[AclBinding]) -> None:
    """Remove ACLs, and wait until the brokers have forgotten them; raises as `compare`."""
    if surplus:
        _require(admin, "ALTER")
        with _changing():
            for answer in admin.delete_acls(
                [_filter(binding) for binding in surplus], request_timeout=_TIMEOUT
            ).values():
                answer.result()
        _await(admin, surplus, present=False)


def described(binding: AclBinding) -> str:
    """Return an ACL in words, such as `User:detector  Read on topic payments`."""
    pattern = "*" if binding.resource_pattern_type is ResourcePatternType.PREFIXED else ""
    kind = _constant(binding.restype).lower().replace("_", " ")
    denied = "deny " if binding.permission_type is AclPermissionType.DENY else ""
    host = "" if binding.host == "*" else f" from {binding.host}"
    operation = camel_case(_constant(binding.operation))
    return f"{binding.principal}  {denied}{operation} on {kind} {binding.name}{pattern}{host}"


def _require(admin: AdminClient, operation: str) -> None:
    """Check that an operation on the cluster is authorised: librdkafka shows a client that may not see ACLs none.

    Raises:
        NotAuthorised: It is not.
        Unavailable: The brokers do not answer.
    """
    with _changing():
        cluster = admin.describe_cluster(include_authorized_operations=True, request_timeout=_TIMEOUT).result()
    if missing := not_granted([operation], cluster.authorized_operations or []):
        raise NotAuthorised(missing_permission(missing, "the cluster"))


@contextmanager
def _changing() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise_if_refused(error)
        raise Unavailable(f"the brokers' ACLs can't be read or changed: {reason(error)}") from error


def _of(admin: AdminClient, principal: str) -> Sequence[AclBinding]:
    anything: Any = None
    every = AclBindingFilter(
        ResourceType.ANY,
        anything,
        ResourcePatternType.ANY,
        principal,
        anything,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    with _changing():
        return list(admin.describe_acls(every, request_timeout=_TIMEOUT).result())


def _constant(value: Enum | str | int) -> str:
    """Return the name of a constant, which the client's types allow to be something else."""
    return value.name if isinstance(value, Enum) else str(value)


def _filter(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


def _await(admin: AdminClient, changed: Sequence[AclBinding], *, present: bool) -> None:
    """Wait until a change is known: brokers learn of it from the controller."""
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        existing = {binding for user in {each.principal for each in changed} for binding in _of(admin, user)}
        if existing.issuperset(changed) if present else existing.isdisjoint(changed):
            return
        time.sleep(0.05)
    raise Unavailable(f"the brokers do not know the changed ACLs after {_TIMEOUT:.0f} s; run it again with --check")


def _sorted(each: Iterable[AclBinding]) -> Sequence[AclBinding]:
    return sorted(each, key=described)
