"""Faults of a rules file: all of them are reported at once, each with its line."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from avroguard.avro.names import suggestion
from avroguard.toml_source import TomlDocument, TomlPath
from services.errors import ContractError

_SUBJECTS = {"rules": "rule", "features": "feature", "models": "model"}
"""The word for an entry of a table."""


class RulesError(ContractError):
    """A rules file can't be used: a line for each fault, with file and line."""


class Faults:
    """The faults of a file, and warnings: of deprecated words, and of models trained before a change of the contract.

    Args:
        document: The file.
    """

    error: ClassVar[type[ContractError]] = RulesError
    """The error that the faults are raised as."""

    def __init__(self, document: TomlDocument) -> None:
        self._document = document
        self._faults: list[tuple[int, str]] = []
        self._warnings: list[str] = []

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each warning, with file and line."""
        return tuple(self._warnings)

    def add(self, path: TomlPath, message: str, offset: int | None = None) -> None:
        """Note a fault.

        Args:
            path: The key at fault.
            message: The fault, and what was expected.
            offset: The position in a text value, in characters; None for all of it.
        """
        line = self._document.line(path, offset)
        self._faults.append((line, self._text(path, line, message)))

    def warn(self, path: TomlPath, message: str) -> None:
        """Note a warning.

        Args:
            path: The key whose value it is about.
            message: What was found, and what to do.
        """
        self._warnings.append(self._text(path, self._document.line(path), message))

    def _text(self, path: TomlPath, line: int, message: str) -> str:
        return f"{self._document.name}:{line}: {self.subject(path)}{message}"

    @staticmethod
    def subject(path: TomlPath) -> str:
        """Return the beginning of a message: what the fault is of."""
        return f"{_SUBJECTS[path[0]]} {path[1]}: " if len(path) > 1 and path[0] in _SUBJECTS else ""

    def unknown_keys(self, path: TomlPath, table: Mapping[str, Any], known: Iterable[str], whose: str = "") -> None:
        """Note every unknown key of a table."""
        for key in table:
            if key not in known:
                near = suggestion(key, list(known)) or f"; expected one of {', '.join(known)}"
                self.add((*path, key), f'{whose}unknown key "{key}"{near}')

    def raise_any(self) -> None:
        """Raise the faults, in the order of the file.

        Raises:
            ContractError: There are faults; of the class `error`.
        """
        if self._faults:
            raise self.error("\n".join(message for _, message in sorted(self._faults, key=lambda fault: fault[0])))


def shown(value: Any) -> str:
    """Return a value of a TOML file as a message shows it."""
    match value:
        case str():
            return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
        case bool():
            return str(value).lower()
        case dict() | list():
            return "a table" if isinstance(value, dict) else "an array"
        case None:
            return "nothing"
    return str(value)
