"""Ids and creation times of messages, a batch at a time, and whole transactions for the few that are shown."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from services.contracts import ColumnDecoder, RecordDecoder, Registry, SchemaId, split, unframe
from services.errors import ContractError, PoisonError
from tools.demo.summary import Ids
from tools.demo.view import Suspicious

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """What could be decoded of some messages.

    Attributes:
        ids: The ids.
        created_ms: When each was created, in milliseconds since the epoch.
    """

    ids: Ids
    created_ms: npt.NDArray[np.int64]


def empty_ids() -> Ids:
    """No ids."""
    return np.empty(0, "S36")


class TransactionDecoder:
    """Decodes messages of any schema id that the registry has.

    Args:
        registry: Asked once per id.
        reader: The schema to read them as, plain JSON data.
    """

    def __init__(self, registry: Registry, reader: Any) -> None:
        self._registry = registry
        self._reader = reader
        self._columns: dict[SchemaId, ColumnDecoder | None] = {}
        self._records: dict[int, RecordDecoder] = {}

    def batch(self, values: Sequence[bytes | None]) -> Batch:
        """Ids and creation times of the messages that can be decoded; the others are left out.

        Raises:
            Unavailable: The registry can't be asked about a new schema id.
        """
        ids, created = [empty_ids()], [np.empty(0, np.int64)]
        for schema_id, rows in split(values).groups.items():
            decoder = self._decoder(schema_id)
            if decoder is None:
                continue
            decoded = decoder.decode([value for row in rows.tolist() if (value := values[row])])
            good = slice(None) if decoded.good is None else decoded.good
            ids.append(decoded.columns["id"][good])
            created.append(decoded.columns["created_at"][good])
        return Batch(np.concatenate(ids), np.concatenate(created))

    def latest(self, values: Iterable[bytes]) -> tuple[Suspicious, ...]:
        """The transactions in those messages that can be decoded, latest first."""
        shown = []
        for value in values:
            with suppress(PoisonError, ContractError):
                shown.append(self._one(value))
        return tuple(sorted(shown, key=lambda one: one.created_at, reverse=True))

    def _one(self, value: bytes) -> Suspicious:
        schema_id, body = unframe(value)
        if schema_id not in self._records:
            self._records[schema_id] = RecordDecoder(self._registry.schema_by_id(schema_id), self._reader)
        record = self._records[schema_id].decode(body)
        return Suspicious(
            record["created_at"], record["source"], record["target"], record["amount"], record["currency"]
        )

    def _decoder(self, schema_id: SchemaId) -> ColumnDecoder | None:
        """The decoder of a schema id; None where such messages are no transactions."""
        if schema_id not in self._columns:
            try:
                schema = self._registry.schema_of(schema_id)
                self._columns[schema_id] = ColumnDecoder(schema, self._reader, ["id", "created_at"])
            except (PoisonError, ContractError):
                self._columns[schema_id] = None
        return self._columns[schema_id]
