"""Log lines of librdkafka: repeated ones are suppressed."""

import logging

import pytest
from structlog.testing import capture_logs

from services.streaming.logs import REPEAT_SECONDS, _ToStructlog


def line(detail: str, client: int = 1) -> logging.LogRecord:
    text = f"FAIL [detector#consumer-{client}] [thrd:b:1/bootstrap]: {detail}"
    return logging.LogRecord("librdkafka", logging.ERROR, "", 0, text, None, None)


def test_repeated_lines_are_suppressed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("services.streaming.logs.time.monotonic", lambda: now[0])
    handler = _ToStructlog()
    with capture_logs() as lines:
        for milliseconds in range(20):
            handler.emit(line(f"b:1: refused (after {milliseconds}ms in state CONNECT)", client=milliseconds % 2))
        handler.emit(line("b:2: refused (after 0ms in state CONNECT)"))
        now[0] += REPEAT_SECONDS
        handler.emit(line("b:1: refused (after 0ms in state CONNECT)"))
        now[0] += REPEAT_SECONDS
        handler.emit(line("b:1: refused (after 0ms in state CONNECT)"))
    assert [(entry["detail"].partition("]: ")[2][:3], entry.get("suppressed")) for entry in lines] == [
        ("b:1", None), ("b:2", None), ("b:1", 19), ("b:1", None)
    ]  # fmt: skip
    assert {entry["log_level"] for entry in lines} == {"error"}
