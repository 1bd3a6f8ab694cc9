"""Limits the time that lookups of unknown schema ids take: a token bucket, and the ids that are exempt from it.

An id that the registry does not know may be one that a follower of the registry does not know *yet*, so it is worth
some seconds of waiting. Every producer of the input can also invent ids, so the time for all of them is limited: it is
spent from a budget, which fills up again over time. When the budget is used up, only ids that are registered under the
detector's own subjects are looked up; the others are unknown without a request.
"""

import time
from collections.abc import Collection

import structlog

from services.contracts import HeaderSchemaId, Registry, SchemaId
from services.errors import ContractError, NotAuthorised

log = structlog.get_logger()

CAPACITY_SECONDS = 6.0
"""The time for all lookups of unknown ids in any `FILL_SECONDS`."""

FILL_SECONDS = 30.0
"""Seconds in which an empty budget fills up."""

PATIENCE_SECONDS = 5.0
"""Seconds after its first message that an id is looked up again before it counts as unknown, if the budget allows."""

_SHARE = PATIENCE_SECONDS / CAPACITY_SECONDS
_LISTED_SECONDS = 0.2  # how long a list of the registered ids is cached; listing takes some milliseconds
_LOG_SECONDS = 60.0  # at most one line in the log about an empty budget in this time


class LookupBudget:
    """The seconds left for lookups of ids that the registry does not know."""

    def __init__(self) -> None:
        self._left = CAPACITY_SECONDS
        self._at = time.monotonic()
        self._logged_at = -_LOG_SECONDS

    @property
    def left(self) -> float:
        """The seconds left; 0 or less when the budget is used up."""
        now = time.monotonic()
        self._left = min(CAPACITY_SECONDS, self._left + (now - self._at) * CAPACITY_SECONDS / FILL_SECONDS)
        self._at = now
        return self._left

    @property
    def patience(self) -> float:
        """The seconds to wait for one id: not all that is left, so that the next id is waited for as well."""
        return max(0.0, self.left * _SHARE)

    def spend(self, seconds: float) -> None:
        """Subtract the time that a lookup took."""
        self._left = self.left - seconds
        if self._left <= 0 and self._at - self._logged_at >= _LOG_SECONDS:
            self._logged_at = self._at
            log.warning(
                "lookups of unknown schema ids limited",
                reason="too many ids that the registry does not know: the transactions with them are dead letters, and "
                "further ids are looked up only if they are registered under the subjects of the detector's topics",
                seconds=FILL_SECONDS,
            )


class RegisteredIds:
    """The ids registered under some subjects, listed again where the list is older than `_LISTED_SECONDS`.

    Args:
        registry: Asked for the versions of each subject, and once for the id of each version.
        subjects: The subjects of the detector's topics.
    """

    def __init__(self, registry: Registry, subjects: Collection[str]) -> None:
        self._registry = registry
        self._subjects = subjects
        self._ids: dict[tuple[str, int], tuple[object, ...]] = {}  # the id and the GUID of each version
        self._listed_at = -_LISTED_SECONDS

    def lists(self, schema_id: SchemaId) -> bool:
        """Return whether an id is registered under one of the subjects; ask the registry where the list is old.

        Raises:
            Unavailable: The registry can't be asked now.
        """
        if time.monotonic() - self._listed_at >= _LISTED_SECONDS:
            for subject in self._subjects:
                self._list(subject)
            self._listed_at = time.monotonic()
        number = schema_id.id if isinstance(schema_id, HeaderSchemaId) else schema_id
        return any(number in known for known in self._ids.values())

    def _list(self, subject: str) -> None:
        try:
            for version in self._registry.versions(subject):
                if (subject, version) not in self._ids:
                    registered = self._registry.version(subject, version)
                    self._ids[subject, version] = registered.id, registered.guid
        except (ContractError, NotAuthorised) as error:  # such as a version deleted meanwhile: the list is an aid
            log.warning("registered schema ids not listed", subject=subject, reason=str(error))
