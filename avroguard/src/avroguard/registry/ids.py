"""Ids of schemas as messages carry them: an id of the registry's, or a GUID."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class HeaderSchemaId:
    """The schema id of a message that has it in a header.

    Attributes:
        id: The id that the registry gave the schema, or its GUID.
    """

    id: int | UUID

    def __str__(self) -> str:
        return f"GUID {self.id}" if isinstance(self.id, UUID) else str(self.id)


SchemaId = int | HeaderSchemaId
"""The schema id of a message: in front of its body, or in a header."""
