"""Batches of Avro records as columns: vectorised decoding and encoding with numpy.

``ColumnDecoder`` reads selected fields of a batch of messages into arrays, ``ColumnEncoder`` makes messages of arrays.
Both are exact: the results equal those of decoding or encoding record by record.
"""

from services.contracts.codec.columns.decoder import ColumnDecoder, Columns
from services.contracts.codec.columns.encoder import ColumnEncoder
from services.contracts.codec.columns.kinds import Form, Kind, kinds_of

__all__ = ["ColumnDecoder", "ColumnEncoder", "Columns", "Form", "Kind", "kinds_of"]
