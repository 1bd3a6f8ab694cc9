"""What is wrong with a rules file: all of it at once, each fault with its line."""

from collections.abc import Iterable, Mapping
from typing import Any

from avroguard.toml_source import TomlDocument, TomlPath
from services.errors import ContractError
from services.rules.wording import suggestion


class RulesError(ContractError):
    """A rules file can't be used: a line for each fault, with file and line."""


class Faults:
    """Collects the faults of a file.

    Args:
        document: The file.
    """

    def __init__(self, document: TomlDocument) -> None:
        self._document = document
        self._found: list[tuple[int, str]] = []

    def add(self, path: TomlPath, message: str, offset: int | None = None) -> None:
        """Note a fault.

        Args:
            path: The key that is to blame.
            message: What is wrong, and what was expected.
            offset: Where in a text value, in characters; None: it is about all of it.
        """
        line = self._document.line(path, offset)
        rule = f"rule {path[1]}: " if len(path) > 1 else ""
        self._found.append((line, f"{self._document.name}:{line}: {rule}{message}"))

    def unknown_keys(self, path: TomlPath, table: Mapping[str, Any], known: Iterable[str], whose: str = "") -> None:
        """Note every key of a table that means nothing."""
        for key in table:
            if key not in known:
                near = suggestion(key, known) or f"; expected one of {', '.join(known)}"
                self.add((*path, key), f'{whose}unknown key "{key}"{near}')

    def raise_any(self) -> None:
        """Raises RulesError if there are faults; in the order of the file."""
        if self._found:
            raise RulesError("\n".join(message for _, message in sorted(self._found, key=lambda one: one[0])))
