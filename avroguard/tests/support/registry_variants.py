"""The recorded registry of Confluent with contexts, or as a follower of the node that takes writes."""

import copy
import hashlib
import json
import re
from typing import Any
from uuid import UUID

from support.recorded_registry import Answer, RecordedRegistry
from support.registry_contents import StoredVersion
from support.registry_replay import CONFLUENT


class RegistryOfContexts(RecordedRegistry):
    """Each context is a registry of its own; its answers spell out the subjects' context, as 8.1.5 was recorded to."""

    def __init__(self, product: str = CONFLUENT) -> None:
        super().__init__(product)
        self.contexts: dict[str, RecordedRegistry] = {}

    def answer(self, method: str, target: str, body: Any) -> Answer:
        inside = re.fullmatch(r"/contexts/([^/]+)(/.+)", target)
        if inside is None:
            return super().answer(method, target, body)
        context, path = inside.groups()
        status, answer = self.contexts.setdefault(context, RecordedRegistry(self.product)).answer(method, path, body)
        return status, self._qualified(path, answer, context)

    def _qualified(self, path: str, answer: Any, context: str) -> Any:
        match answer:
            case list() if path == "/subjects":
                return [f":{context}:{subject}" for subject in answer]
            case list():
                return [self._qualified(path, element, context) for element in answer]
            case {"subject": subject}:
                return {**answer, "subject": f":{context}:{subject}"}
        return answer


class FollowingRegistry(RecordedRegistry):
    """A follower: it has a write forwarded at once, and goes on to answer reads as before for a while.

    Attributes:
        lag: Number of reads after each write that are answered from the state before it.
        stale: Number of reads answered so, in all, with another answer than the leader's.
    """

    def __init__(self, product: str = CONFLUENT) -> None:
        super().__init__(product)
        self.lag = 3
        self.stale = 0
        self._before: RecordedRegistry | None = None
        self._left = 0

    def answer(self, method: str, target: str, body: Any) -> Answer:
        now = super().answer
        if method != "GET" and not self._reads(target):
            if not self._left:
                self._before = None
                self._before = copy.deepcopy(self)
            self._left = self.lag
            return now(method, target, body)
        if self._before is None or not self._left:
            return now(method, target, body)
        self._left -= 1
        old = RecordedRegistry.answer(self._before, method, target, body)
        self.stale += old != now(method, target, body)
        return old

    def catch_up(self) -> None:
        """Answer every read from the present state from now on."""
        self.lag = self._left = 0

    def _reads(self, target: str) -> bool:
        """Return whether a POST only reads."""
        return target.startswith("/compatibility/") or re.fullmatch(r"/subjects/[^/]+", target) is not None


class RegistryOfGuids(RecordedRegistry):
    """A registry that has a GUID for each content and serves schemas by it, as Confluent's does since 8.0."""

    def answer(self, method: str, target: str, body: Any) -> Answer:
        path, _, query = target.partition("?")
        match = re.fullmatch(r"/schemas/guids/([^/]+)(/ids)?", path)
        if match is None or method != "GET":
            return super().answer(method, target, body)
        ids = [schema.id for versions in self.subjects.values() for schema in versions if guid_of(schema) == match[1]]
        if not ids:
            return 404, {"error_code": 40403, "message": "Schema not found"}
        return (200, [{"context": ".", "id": ids[0]}]) if match[2] else self._id(ids[0], query)

    def _described(self, stored: StoredVersion, query: str = "") -> dict[str, Any]:
        return super()._described(stored, query) | {"guid": guid_of(stored)}


def guid_of(stored: StoredVersion) -> str:
    """A GUID of a schema's content, as a registry might have made it."""
    return str(UUID(bytes=hashlib.md5(json.dumps(stored.body, sort_keys=True).encode()).digest()))
