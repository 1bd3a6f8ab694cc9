"""Tables of a notifications file: typed reading of their keys, every fault with file and line."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import time
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from avroguard.avro.names import suggestion
from avroguard.toml_source import TomlPath
from services.errors import ContractError
from services.notifier.secret import Secret
from services.rules.aggregations import read_duration
from services.rules.faults import Faults, shown

T = TypeVar("T")

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class NotificationsError(ContractError):
    """A notifications file can't be used: a line for each fault, with file and line."""


class NotificationsFaults(Faults):
    """The faults of a notifications file."""

    error: ClassVar[type[ContractError]] = NotificationsError

    @staticmethod
    def subject(path: TomlPath) -> str:
        """Return the beginning of a message: the table that the fault is in."""
        parts = [part for part in path if isinstance(part, str)][:-1]
        return f"{'.'.join(parts)}: " if parts else ""

    def place(self, path: TomlPath) -> str:
        """Return file and line of a key."""
        return f"{self._document.name}:{self.line(path)}"

    def line(self, path: TomlPath) -> int:
        """Return the line of a key."""
        return self._document.line(path)


class Table:
    """One table; each key is read by one call, and the others are faults.

    Args:
        path: Its place in the file.
        content: Its keys and values.
        faults: Takes the faults.
    """

    def __init__(self, path: TomlPath, content: Mapping[str, Any], faults: NotificationsFaults) -> None:
        self.path = path
        self.content = content
        self.faults = faults
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        """Return whether the table has a key."""
        return self._value(key) is not None

    def fault(self, key: str, message: str) -> None:
        """Note a fault of a key."""
        self.faults.add((*self.path, key), f"{key}: {message}")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; required where it has no default."""
        value = self._value(key, default)
        if isinstance(value, str) and (value or default == ""):
            return value
        self.fault(key, f"expected a text, found {shown(value)}")
        return default or ""

    def texts(self, key: str, default: Collection[str] | None = None) -> tuple[str, ...]:
        """Return a text, or several in an array; required where it has no default."""
        value = self._value(key, list(default) if default is not None else None)
        values = [value] if isinstance(value, str) else value
        if isinstance(values, list) and all(isinstance(each, str) and each for each in values):
            return tuple(values)
        self.fault(key, f"expected texts in an array, found {shown(value)}")
        return tuple(default or ())

    def word(self, key: str, words: Iterable[str], default: str) -> str:
        """Return one of some words."""
        value, words = self._value(key, default), list(words)
        if value in words:
            return str(value)
        near = suggestion(value, words) if isinstance(value, str) else ""
        self.fault(key, f"expected one of {', '.join(words)}, found {shown(value)}{near}")
        return default

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._value(key, default)
        if isinstance(value, bool):
            return value
        self.fault(key, f"expected true or false, found {shown(value)}")
        return default

    def number(self, key: str, default: int, least: int, greatest: int) -> int:
        """Return a whole number within limits."""
        value = self._value(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= greatest:
            return value
        self.fault(key, f"expected a whole number from {least} to {greatest}, found {shown(value)}")
        return default

    def duration(self, key: str, default: float) -> float:
        """Return a duration in seconds."""
        return self.parsed(key, lambda value: read_duration(value) / 1000, default)

    def zone(self, key: str) -> ZoneInfo:
        """Return a time zone, UTC where there is none."""

        def read(value: Any) -> ZoneInfo:
            try:
                return ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
                raise ValueError(f'expected a time zone such as "Europe/Berlin", found {shown(value)}') from None

        return self.parsed(key, read, ZoneInfo("UTC"))

    def secret(self, key: str, example: str) -> Secret | None:
        """Return the place of a secret; None where there is none."""
        value = self._value(key)
        return None if value is None else self.secret_at((*self.path, key), value, example)

    def secret_at(self, path: TomlPath, value: Any, example: str) -> Secret | None:
        """Return the place of a secret that a value names."""
        key = next(part for part in reversed(path) if isinstance(part, str))
        if isinstance(value, Mapping) and len(value) == 1:
            ((kind, where),) = value.items()
            if kind in {"env", "file"} and isinstance(where, str) and where:
                place = self.faults.place(path)
                return Secret(place, variable=where) if kind == "env" else Secret(place, path=where)
        self.faults.add(path, f'{key}: expected {{ env = "{example}" }} or {{ file = "/run/secrets/..." }}: '
                              "a secret never stands in this file")  # fmt: skip
        return None

    def parsed(self, key: str, parse: Callable[[Any], T], default: T) -> T:
        """Return a value as a function reads it, which raises ValueError for a fault."""
        value = self._value(key)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError as error:
            self.fault(key, str(error))
            return default

    def table(self, key: str) -> "Table | None":
        """Return a table in this one; None where there is none."""
        value = self._value(key)
        if value is None:
            return None
        if isinstance(value, Mapping):
            return Table((*self.path, key), value, self.faults)
        self.fault(key, f"expected a table, found {shown(value)}")
        return None

    def tables(self, key: str) -> list["Table"]:
        """Return an array of tables, or the tables in a table; none where there are none."""
        value = self._value(key)
        items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
        if value is not None and not isinstance(value, Mapping | list):
            self.fault(key, f"expected tables, found {shown(value)}")
        found = []
        for name, content in items:
            path = (*self.path, key, name)
            if isinstance(content, Mapping):
                found.append(Table(path, content, self.faults))
            else:
                self.faults.add(path, f"expected a table, found {shown(content)}")
        return found

    def end(self) -> None:
        """Note the keys that were not read."""
        for key in self.content:
            if key not in self._known:
                near = suggestion(key, self._known) or f"; expected one of {', '.join(self._known)}"
                self.faults.add((*self.path, key), f'unknown key "{key}"{near}')

    def _value(self, key: str, default: Any = None) -> Any:
        if key not in self._known:
            self._known.append(key)
        return self.content.get(key, default)


def read_time(value: Any) -> time:
    """Return a time of day, such as "07:30".

    Raises:
        ValueError: It is none.
    """
    try:
        return time.fromisoformat(value)
    except (ValueError, TypeError):
        raise ValueError(f'expected a time of day such as "07:30", found {shown(value)}') from None
