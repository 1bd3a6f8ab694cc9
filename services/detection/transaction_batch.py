"""Batches of transactions between stages: records of repartition topics, in columns (decision 20). Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any, overload

import fastavro
import numpy as np
from numpy.typing import NDArray

from services.contracts import HEADER_SIZE, RecordDecoder, Schema, frame
from services.detection.headers import HeaderRuns
from services.errors import PoisonError
from services.streaming.record_headers import Headers
from services.streaming.record_size import BATCH_OVERHEAD, RECORD_OVERHEAD, headers_size

BATCH = "payments.TransactionBatch"
"""The name of the record."""

FIXED_BYTES = BATCH_OVERHEAD + RECORD_OVERHEAD + HEADER_SIZE + 96
"""Upper limit of a record's bytes besides rules, headers and rows: lengths of fields, counts of blocks."""

ROW_BYTES = 16 + 10
"""Bytes of a row besides key, value, headers and matches: sizes and timestamp, and the frame of a run of headers."""

Matched = Mapping[int, tuple[str, ...]]
"""The names of the live rules that matched, by row; rows without any are left out."""

_SIZE, _TIME, _NUMBER = np.dtype("<i4"), np.dtype("<i8"), np.dtype("<f8")


class TornBatchError(PoisonError):
    """The columns of a batch do not fit together."""


@dataclass(frozen=True)
class TransactionBatch:
    """Transactions of one partition that one version of the rules evaluated.

    Attributes:
        version: The version of the rules.
        values: The value of each.
        keys: The key of each; None for none.
        timestamps: The timestamp of each, in milliseconds since the epoch.
        headers: The headers of each, without those of the rules; None for none.
        matched: The live rules that matched.
        features: The value of each by the name of a feature that earlier stages computed; NaN where there is none.
        labels: Whether each is fraud, in a batch of labels of transactions; None in one of transactions.
    """

    version: str
    values: Sequence[bytes]
    keys: Sequence[bytes | None]
    timestamps: NDArray[np.int64]
    headers: Sequence[Headers | None]
    matched: Matched
    features: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    labels: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def joined_values(self) -> bytes:
        """All values."""
        return b"".join(self.values)

    @cached_property
    def joined_keys(self) -> bytes:
        """All keys."""
        return b"".join(filter(None, self.keys))

    @cached_property
    def value_sizes(self) -> NDArray[np.int32]:
        """The bytes of each value."""
        return np.fromiter(map(len, self.values), _SIZE, len(self))

    @cached_property
    def key_sizes(self) -> NDArray[np.int32]:
        """The bytes of each key; -1 for none."""
        if None in self.keys:
            return np.array([-1 if key is None else len(key) for key in self.keys], _SIZE)
        return np.fromiter(map(len, self.keys), _SIZE, len(self))  # type: ignore[arg-type]

    def part(self, begin: int, end: int) -> "TransactionBatch":
        """Return the transactions in [begin, end)."""
        if begin == 0 and end == len(self):
            return self
        return TransactionBatch(
            self.version,
            self.values[begin:end],
            self.keys[begin:end],
            self.timestamps[begin:end],
            self.headers[begin:end],
            {row - begin: names for row, names in self.matched.items() if begin <= row < end},
            {name: values[begin:end] for name, values in self.features.items()},
            None if self.labels is None else self.labels[begin:end],
        )


class Slices(Sequence[bytes | None]):
    """Texts that were joined; each is cut out when it is asked for.

    Args:
        content: All of them.
        sizes: The bytes of each; -1 for none.

    Raises:
        TornBatchError: The sizes are those of another content.
    """

    def __init__(self, content: bytes, sizes: NDArray[Any]) -> None:
        self._content = content
        self._missing = frozenset(np.flatnonzero(sizes < 0).tolist())
        self._ends = np.cumsum(np.maximum(sizes, 0), dtype=np.int64).tolist()
        if (self._ends[-1] if self._ends else 0) != len(content) or (self._missing and sizes.min() < -1):
            raise TornBatchError(f"{len(content)} bytes for {len(sizes)} sizes whose sum is another number")

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes | None]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes | None] | None:
        """Return the text of a row, or those of several."""
        if isinstance(index, slice):
            return list(self)[index]
        if index in self._missing:
            return None
        return self._content[self._ends[index - 1] if index else 0 : self._ends[index]]

    def __iter__(self) -> Iterator[bytes | None]:
        content, ends = self._content, self._ends
        texts: list[bytes | None] = [content[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
        for row in self._missing:
            texts[row] = None
        return iter(texts)


class BatchEncoder:
    """Encoder of batches.

    Args:
        schema: The contract of batches.
        schema_id: Its id in the registry.
    """

    def __init__(self, schema: Schema, schema_id: int) -> None:
        self._schema = fastavro.parse_schema(schema.json)
        self._schema_id = schema_id

    def encode(self, batch: TransactionBatch) -> bytes:
        """Return the value of a batch's record."""
        output = BytesIO()
        fastavro.schemaless_writer(
            output,
            self._schema,
            {
                "rules_version": batch.version,
                "timestamps": batch.timestamps.astype(_TIME, copy=False).tobytes(),
                "value_sizes": batch.value_sizes.tobytes(),
                "values": batch.joined_values,
                "matches": _matches(batch.matched),
                "headers": _headers(batch.headers),
                "key_sizes": batch.key_sizes.tobytes(),
                "keys": batch.joined_keys,
                "features": [
                    {"name": name, "values": values.astype(_NUMBER, copy=False).tobytes()}
                    for name, values in batch.features.items()
                ],
                "labels": None if batch.labels is None else batch.labels.astype(np.uint8).tobytes(),
            },
        )
        return frame(self._schema_id, output.getvalue())


def row_sizes(batch: TransactionBatch) -> NDArray[np.int64]:
    """Return an upper limit of the bytes that each row adds to a record."""
    sizes = batch.value_sizes.astype(np.int64) + np.maximum(batch.key_sizes, 0) + row_bytes(len(batch.features))
    runs = HeaderRuns.of(batch.headers)
    if runs.largest:
        # The frame of a header has at most ten bytes more in Avro than in a record: two lengths and a branch.
        extra = (headers_size(own or ()) + 10 * len(own or ()) for own in runs.headers)
        sizes += np.array(runs.by_message(extra), np.int64)
    for row, names in batch.matched.items():
        sizes[row] += match_size(names)
    return sizes


def row_bytes(features: int) -> int:
    """Return the bytes of a row besides key, value, headers and matches, given the number of its features."""
    return ROW_BYTES + _NUMBER.itemsize * features


def feature_bytes(names: Iterable[str]) -> int:
    """Return an upper limit of the bytes that features add to a record, besides those of its rows."""
    return sum(len(name.encode()) + 12 for name in names)


def match_size(names: Sequence[str]) -> int:
    """Return an upper limit of the bytes that a row with these matches adds to a record."""
    return 24 + sum(len(name.encode()) + 5 for name in names)


def split_points(batch: TransactionBatch, room: int) -> list[int]:
    """Return the first row of each part of a batch that is split so that each part has room, and the end.

    A row that is larger than the room is alone in its part.
    """
    if batch.headers.count(None) == len(batch):
        names = {name for own in batch.matched.values() for name in own}
        size = len(batch.joined_values) + len(batch.joined_keys) + row_bytes(len(batch.features)) * len(batch)
        if size + len(batch.matched) * match_size(sorted(names)) <= room:
            return [0, len(batch)]
    sizes = row_sizes(batch)
    ends = np.cumsum(sizes)
    points, before = [0], 0
    while points[-1] < len(sizes):
        point = max(points[-1] + 1, int(np.searchsorted(ends, before + room, "right")))
        points.append(point)
        before = int(ends[point - 1])
    return points


class BatchDecoder:
    """Decoder of batches that were written with one schema.

    Args:
        writer: The schema, as plain JSON data.
        reader: The schema to read them as, the contract's.

    Raises:
        ContractError: That can't read it.
    """

    def __init__(self, writer: Any, reader: Any) -> None:
        self._records = RecordDecoder(writer, reader)

    def decode(self, value: bytes) -> TransactionBatch:
        """Return the batch in a record's value.

        Raises:
            PoisonError: There is none, or it is torn.
        """
        record = self._records.decode(value[HEADER_SIZE:])
        timestamps = _column(record["timestamps"], _TIME).astype(np.int64, copy=False)
        values = list(Slices(record["values"], _column(record["value_sizes"], _SIZE)))
        keys = Slices(record["keys"], _column(record["key_sizes"], _SIZE))
        headers = _headers_of(record["headers"], len(values))
        if not len(values) == len(keys) == len(timestamps) == len(headers) or None in values:
            raise TornBatchError(
                f"{len(values)} values, {len(keys)} keys, {len(timestamps)} timestamps and headers of {len(headers)}: "
                "expected the same number of each"
            )
        matched = _matched(record["matches"], len(values))
        features = {feature["name"]: _column(feature["values"], _NUMBER) for feature in record["features"]}
        if odd := [name for name, column in features.items() if len(column) != len(values)]:
            raise TornBatchError(f"feature {odd[0]} has {len(features[odd[0]])} values: expected {len(values)}")
        labels = None if record["labels"] is None else _column(record["labels"], np.dtype("u1")).astype(np.bool_)
        if labels is not None and len(labels) != len(values):
            raise TornBatchError(f"{len(labels)} labels of {len(values)} transactions")
        return TransactionBatch(record["rules_version"], values, keys, timestamps, headers, matched, features, labels)  # type: ignore[arg-type]


def _matches(matched: Matched) -> list[dict[str, Any]]:
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, names in matched.items():
        rows.setdefault(names, []).append(row)
    return [{"rules": list(names), "rows": np.array(own, _SIZE).tobytes()} for names, own in rows.items()]


def _matched(matches: Sequence[Mapping[str, Any]], count: int) -> Matched:
    matched: dict[int, tuple[str, ...]] = {}
    for match in matches:
        rows = _column(match["rows"], _SIZE)
        if len(rows) and (rows.min() < 0 or rows.max() >= count):
            raise TornBatchError(f"rules matched row {rows.max()} or {rows.min()}: expected 0 to {count - 1}")
        matched.update(dict.fromkeys(rows.tolist(), tuple(match["rules"])))
    return matched


def _headers(headers: Sequence[Headers | None]) -> list[dict[str, Any]]:
    runs = HeaderRuns.of(headers)
    if runs.headers == (None,):
        return []
    return [
        {"count": length, "headers": [{"name": name, "value": _bytes(value)} for name, value in own or ()]}
        for own, length in zip(runs.headers, runs.lengths, strict=True)
    ]


def _headers_of(runs: Sequence[Mapping[str, Any]], count: int) -> list[Headers | None]:
    if not runs:
        return [None] * count
    headers: list[Headers | None] = []
    for run in runs:
        own = [(header["name"], header["value"]) for header in run["headers"]] or None
        if not 0 < run["count"] <= count - len(headers):
            raise TornBatchError(f"headers of {run['count']} transactions: expected 1 to {count - len(headers)}")
        headers += [own] * run["count"]
    return headers


def _column(content: bytes, kind: np.dtype[Any]) -> NDArray[Any]:
    if len(content) % kind.itemsize:
        raise TornBatchError(f"a column of {len(content)} bytes: expected a multiple of {kind.itemsize}")
    return np.frombuffer(content, kind)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
