"""Positions: of a value in a JSON document, and of a text in a file."""

from dataclasses import dataclass

JsonPath = tuple[str | int, ...]
"""The way from a document's root to a value: keys of objects and indices of arrays."""


@dataclass(frozen=True)
class Place:
    """Place in a file, as people, editors and code review tools need it.

    Attributes:
        file: The file, as messages name it.
        line: The line, from 1.
        column: The column, from 1, in characters; None where only the line is known.
    """

    file: str
    line: int
    column: int | None = None

    def __str__(self) -> str:
        """``file:line:column``."""
        return f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")
