"""Scores of models as records: one for each transaction and model, where a topic for them is set."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from services.contracts import ColumnEncoder, Schema
from services.detection.decoded_batch import DecodedBatch
from services.rules.model import ID, Mode
from services.rules.models.score import ModelScore
from services.rules.topology import Topology
from services.streaming.sink import Sink

FEATURES = "features"
"""The last field of a score; an array, which has no column."""

_FIELDS = (
    "transaction_id",
    "model",
    "model_digest",
    "features_digest",
    "rules_version",
    "live",
    "score",
    "threshold",
)
_END = b"\0"
"""The end of an array in Avro, and so an empty one."""


class ScoreWriter:
    """Writes the scores of all models of the rules, in the transaction that commits the transactions' verdicts.

    Args:
        topic: The topic of scores.
        schema: Its contract.
        schema_id: The id of that in the registry.
    """

    def __init__(self, topic: str, schema: Schema, schema_id: int) -> None:
        self._topic = topic
        self._columns = ColumnEncoder(schema.json, _FIELDS)
        self._schema_id = schema_id

    def write(
        self,
        topology: Topology,
        batch: DecodedBatch,
        numbers: Mapping[str, NDArray[np.float64]],
        keys: Sequence[bytes | None],
        sink: Sink,
    ) -> None:
        """Write the scores of a batch in its order, model after model.

        Args:
            topology: The rules.
            batch: The decoded fields of the transactions.
            numbers: Scores and features by name, a value for each decoded transaction.
            keys: The key of each transaction that was read.
            sink: Writes the records.
        """
        rows = batch.rows.tolist()
        for model in topology.rules.models:
            for value, row in zip(self.encode(topology.version, model, batch.columns[ID], numbers), rows, strict=True):
                sink.send(self._topic, value, keys[row])

    def encode(
        self,
        version: str,
        model: ModelScore,
        ids: NDArray[np.bytes_],
        numbers: Mapping[str, NDArray[np.float64]],
    ) -> list[bytes]:
        """Return the values of the records of a model's scores.

        Args:
            version: Version of the rules.
            model: The model.
            ids: The id of each transaction.
            numbers: Scores and features by name, a value for each transaction.
        """
        count, names = len(ids), model.model.features
        same = {
            "model": model.name,
            "model_digest": model.digest,
            "features_digest": model.model.features_digest,
            "rules_version": version,
        }
        columns = {
            "transaction_id": ids,
            **{name: np.full(count, text.encode()) for name, text in same.items()},
            "live": np.full(count, model.mode is Mode.LIVE),
            "score": numbers[model.name],
            "threshold": np.full(count, model.threshold),
        }
        features = np.column_stack([numbers[name] for name in names]).astype("<f8").tobytes()
        width, head = 8 * len(names), _long(len(names))
        # The encoder ends with the default of the last field, an empty array, which makes room for the features.
        return [
            value[: -len(_END)] + head + features[row * width : (row + 1) * width] + _END
            for row, value in enumerate(self._columns.encode(columns, self._schema_id))
        ]


def _long(number: int) -> bytes:
    """Return a positive whole number as Avro has it: zigzag, seven bits a byte."""
    rest, encoded = number << 1, bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*encoded, rest])
