"""A producer that writes any bytes, header names that are not UTF-8 too: librdkafka itself, by ctypes.

confluent-kafka takes header names as text, so that other clients can write what it can't.
"""

import ctypes
from collections.abc import Sequence
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import confluent_kafka

_PRODUCER = 0
_TOPIC, _PARTITION, _VALUE, _KEY, _FLAGS, _TIMESTAMP, _HEADERS = 1, 3, 4, 5, 7, 8, 10  # rd_kafka_vtype_t
_COPY, _BLOCK = 2, 4  # RD_KAFKA_MSG_F_: by default the value's memory is read when it is sent
_FLUSH_MS = 60_000


class _Memory(ctypes.Structure):
    _fields_ = (("pointer", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Argument(ctypes.Union):
    _fields_ = (
        ("text", ctypes.c_char_p),
        ("number", ctypes.c_int32),
        ("milliseconds", ctypes.c_int64),
        ("memory", _Memory),
        ("headers", ctypes.c_void_p),
        ("padding", ctypes.c_char * 64),
    )


class _TypedArgument(ctypes.Structure):
    """rd_kafka_vu_t."""

    _fields_ = (("kind", ctypes.c_int), ("argument", _Argument))


class _Message(ctypes.Structure):
    """The beginning of rd_kafka_message_t."""

    _fields_ = (("error", ctypes.c_int), ("topic", ctypes.c_void_p), ("partition", ctypes.c_int32))


_OnDelivery = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(_Message), ctypes.c_void_p)


def _library() -> Any:
    package = Path(confluent_kafka.__file__).parent
    bundled = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    library = ctypes.CDLL(str(bundled[0]) if bundled else find_library("rdkafka"))
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    signatures: dict[str, tuple[Any, Sequence[Any]]] = {
        "rd_kafka_conf_new": (pointer, ()),
        "rd_kafka_conf_set": (ctypes.c_int, (pointer, text, text, text, size)),
        "rd_kafka_conf_set_dr_msg_cb": (None, (pointer, _OnDelivery)),
        "rd_kafka_new": (pointer, (ctypes.c_int, pointer, text, size)),
        "rd_kafka_headers_new": (pointer, (size,)),
        "rd_kafka_header_add": (ctypes.c_int, (pointer, text, ctypes.c_ssize_t, text, ctypes.c_ssize_t)),
        "rd_kafka_produceva": (pointer, (pointer, ctypes.POINTER(_TypedArgument), size)),
        "rd_kafka_error_string": (text, (pointer,)),
        "rd_kafka_poll": (ctypes.c_int, (pointer, ctypes.c_int)),
        "rd_kafka_flush": (ctypes.c_int, (pointer, ctypes.c_int)),
        "rd_kafka_destroy": (None, (pointer,)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class RawProducer:
    """Writes records; a context manager that ends when all are acknowledged.

    Args:
        bootstrap_servers: The addresses of the brokers.
        config: Properties of librdkafka, with `_` for `.` in their names.
    """

    def __init__(self, bootstrap_servers: str, **config: str) -> None:
        self._library = _library()
        self._failures: list[int] = []
        self._on_delivery = _OnDelivery(self._delivered)  # librdkafka holds no reference
        error = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        settings = {"bootstrap_servers": bootstrap_servers, "partitioner": "murmur2_random"} | config
        for name, value in settings.items():
            if self._library.rd_kafka_conf_set(conf, name.replace("_", ".").encode(), value.encode(), error, 512):
                raise ValueError(error.value.decode())
        self._library.rd_kafka_conf_set_dr_msg_cb(conf, self._on_delivery)
        self._handle = self._library.rd_kafka_new(_PRODUCER, conf, error, 512)
        if not self._handle:
            raise ValueError(error.value.decode())

    def __enter__(self) -> "RawProducer":
        return self

    def __exit__(self, *_exception: object) -> None:
        """Wait for all records.

        Raises:
            RuntimeError: A broker did not take one.
        """
        left = self._library.rd_kafka_flush(self._handle, _FLUSH_MS)
        self._library.rd_kafka_destroy(self._handle)
        if left or self._failures:
            raise RuntimeError(f"not delivered: error {left}, failures {self._failures[:3]}")

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Sequence[tuple[bytes, bytes | None]] = (),
        *,
        partition: int = -1,
        timestamp: int = 0,
    ) -> None:
        """Write one record; it is acknowledged when the context ends."""
        arguments = [
            _TypedArgument(_TOPIC, _Argument(text=topic.encode())),
            _TypedArgument(_PARTITION, _Argument(number=partition)),
            _TypedArgument(_FLAGS, _Argument(number=_COPY | _BLOCK)),
            _TypedArgument(_TIMESTAMP, _Argument(milliseconds=timestamp)),
        ]
        buffers = []  # alive until librdkafka has copied them
        for kind, content in ((_VALUE, value), (_KEY, key)):
            if content is not None:
                buffer = ctypes.create_string_buffer(content, len(content) + 1)
                buffers.append(buffer)
                memory = _Memory(ctypes.addressof(buffer), len(content))
                arguments.append(_TypedArgument(kind, _Argument(memory=memory)))
        if headers:
            made = self._library.rd_kafka_headers_new(len(headers))
            for name, content in headers:
                length = 0 if content is None else len(content)
                self._library.rd_kafka_header_add(made, name, len(name), content, length)
            arguments.append(_TypedArgument(_HEADERS, _Argument(headers=made)))
        error = self._library.rd_kafka_produceva(
            self._handle, (_TypedArgument * len(arguments))(*arguments), len(arguments)
        )
        if error:
            raise ValueError(self._library.rd_kafka_error_string(error).decode())
        self._library.rd_kafka_poll(self._handle, 0)

    def _delivered(self, _handle: int, message: Any, _opaque: int) -> None:
        if message.contents.error:
            self._failures.append(message.contents.error)
