"""Prometheus and its tools on this machine, where they are installed."""

import re
import shutil

import pytest

NEEDED = "is not on the PATH (Debian: apt-get install prometheus)"


def program(name: str) -> str:
    """Path of `prometheus` or `promtool`; skips the test where there is none."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} {NEEDED}")
    return path


def metrics_of(expression: str) -> set[str]:
    """Names of the metrics in an expression; a matcher of `__name__` counts as each of its alternatives."""
    matchers = re.findall(r'__name__=~"([^"]*)"', expression)
    expanded = {name for matcher in matchers for name in _alternatives(matcher)}
    without_text = re.sub(r'"[^"]*"', "", expression)
    return expanded | set(re.findall(r"\b(?:fraud_[a-z_]+|process_[a-z_]+|python_[a-z_]+)\b", without_text))


def _alternatives(pattern: str) -> list[str]:
    found = re.fullmatch(r"(\w+)\(([\w|]+)\)(\w+)", pattern)
    if found is None:
        raise ValueError(f"expected prefix(a|b)suffix, not {pattern!r}")
    before, choices, after = found.groups()
    return [before + choice + after for choice in choices.split("|")]
