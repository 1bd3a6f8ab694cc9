"""Structured logging: readable on a terminal, one JSON object a line elsewhere, always on standard error."""

import logging
import re
import sys
import time

import structlog


def configure_logging(service: str, level: str = "info") -> None:
    """Configure structlog for the process.

    Args:
        service: Name of the service, in every line.
        level: The lowest level that is logged: debug, info, warning or error.
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
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)


REPEAT_SECONDS = 30.0
"""Seconds for which equal lines of librdkafka are suppressed. Without a broker each client logs 20 of them a second."""

_MAX_SUPPRESSED = 1000


class _ToStructlog(logging.Handler):
    """Log handler that forwards librdkafka's lines, which come through the standard library's `logging`.

    Of equal lines of all clients one in `REPEAT_SECONDS` is logged, with the number of suppressed ones.
    """

    def __init__(self) -> None:
        super().__init__()
        # By line the time at which it was logged, and the number of equal ones since.
        self._suppressed: dict[str, tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        # FAIL [client#consumer-1] [thrd:main]: text (after 3ms in state CONNECT)
        head, _, detail = text.partition("]: ")
        line = f"{head.partition(' ')[0]} {without_timing(detail)}"
        now = time.monotonic()
        since, count = self._suppressed.get(line, (0.0, 0))
        if since and now - since < REPEAT_SECONDS:
            self._suppressed[line] = since, count + 1
            return
        if len(self._suppressed) > _MAX_SUPPRESSED:
            self._suppressed.clear()
        self._suppressed[line] = now, 0
        extra = {"suppressed": count} if count else {}
        structlog.get_logger().log(record.levelno, "librdkafka", detail=text, **extra)


def without_timing(text: str) -> str:
    """Return a text of librdkafka without its `(after 3ms in state CONNECT)`: equal errors have equal texts."""
    return re.sub(r" \(after \d+ms in state .*\)$", "", text.strip())


def librdkafka_logger() -> logging.Logger:
    """Return the logger for Kafka clients."""
    logger = logging.getLogger("librdkafka")
    if not logger.handlers:
        logger.addHandler(_ToStructlog())
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    return logger
