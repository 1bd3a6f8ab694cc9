"""Structured logging: readable on a terminal, one JSON object a line elsewhere, always on standard error."""

import logging
import sys

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


class _ToStructlog(logging.Handler):
    """Hands librdkafka's lines on; it logs through the standard library's `logging` only."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(record.levelno, "librdkafka", detail=record.getMessage())


def librdkafka_logger() -> logging.Logger:
    """The logger to give to a Kafka client as its `logger`."""
    logger = logging.getLogger("librdkafka")
    if not logger.handlers:
        logger.addHandler(_ToStructlog())
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    return logger
