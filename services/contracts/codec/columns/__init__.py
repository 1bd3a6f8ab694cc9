"""Batches of Avro records as columns: decoding and encoding at the speed of numpy.

``ColumnDecoder`` reads the wanted fields of a batch of messages into arrays, ``ColumnEncoder`` makes messages of
arrays. Both are exact: what they give equals what decoding or encoding record by record gives.
"""

from services.contracts.codec.columns.decoder import ColumnDecoder, Columns
from services.contracts.codec.columns.encoder import ColumnEncoder
from services.contracts.codec.columns.kinds import Form, Kind, kinds_of

__all__ = ["ColumnDecoder", "ColumnEncoder", "Columns", "Form", "Kind", "kinds_of"]
