"""Structured logging: readable on a terminal, one JSON object a line elsewhere, always on standard error."""

import logging
import re
import sys
import time

import structlog


def configure_logging(service: str, level: str = "info") -> None:
    """Sets up structlog for the process and sends librdkafka's own log lines through it.

    Args:
        service: Named in every line.
        level: The least severe level that is written: debug, info, warning or error.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)


REPEAT_SECONDS = 30.0
"""How long a line of librdkafka is not logged again. While a broker is away, each client has one 20 times a second."""

_KEPT_LINES = 1000


class _ToStructlog(logging.Handler):
    """Hands librdkafka's lines on; it logs through the standard library's `logging` only.

    Of lines that say the same, whichever client says it, one in `REPEAT_SECONDS` is logged, with the count of those
    that were left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._left_out: dict[str, tuple[float, int]] = {}  # since when, and how often

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        # FAIL [client#consumer-1] [thrd:main]: what it says (after 3ms in state CONNECT)
        head, _, said = text.partition("]: ")
        line = f"{head.partition(' ')[0]} {without_timing(said)}"
        now = time.monotonic()
        since, count = self._left_out.get(line, (0.0, 0))
        if since and now - since < REPEAT_SECONDS:
            self._left_out[line] = since, count + 1
            return
        if len(self._left_out) > _KEPT_LINES:
            self._left_out.clear()
        self._left_out[line] = now, 0
        structlog.get_logger().log(record.levelno, "librdkafka", detail=text, **({"left_out": count} if count else {}))


def without_timing(text: str) -> str:
    """Return a text of librdkafka without its `(after 3ms in state CONNECT)`: equal errors have equal texts."""
    return re.sub(r" \(after \d+ms in state .*\)$", "", text.strip())


def librdkafka_logger() -> logging.Logger:
    """The logger to give to a Kafka client as its `logger`."""
    logger = logging.getLogger("librdkafka")
    if not logger.handlers:
        logger.addHandler(_ToStructlog())
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    return logger
