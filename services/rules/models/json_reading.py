"""Reads values of a JSON document one by one, and says by their path what is wrong with one."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from services.errors import ContractError


class ModelError(ContractError):
    """A model file can't be used: the file, the place in it, what is there and what was expected."""


@dataclass(frozen=True)
class JsonValue:
    """A value of a document.

    Attributes:
        value: The value.
        source: Name of the file.
        path: Place in the document, such as ``trees[3].left[0]``; empty for all of it.
    """

    value: Any
    source: str
    path: str = ""

    def fail(self, message: str) -> NoReturn:
        """Reject the document for this value.

        Raises:
            ModelError: Always.
        """
        raise ModelError(f"{self.source}: {f'{self.path}: ' if self.path else ''}{message}")

    def expected(self, what: str) -> NoReturn:
        """Reject the document, as the value is none of what was expected.

        Raises:
            ModelError: Always.
        """
        text = json.dumps(self.value)
        self.fail(f"expected {what}, found {text if len(text) <= 60 else f'{text[:57]}...'}")

    def fields(self, names: Sequence[str]) -> dict[str, "JsonValue"]:
        """Return the values of an object that has these names and no others."""
        if not isinstance(self.value, dict):
            self.expected("an object")
        for name in names:
            if name not in self.value:
                self.fail(f'"{name}" is missing')
        for name in self.value:
            if name not in names:
                self.fail(f'unknown name "{name}"; expected {", ".join(names)}')
        return {name: self._at(f".{name}" if self.path else name, self.value[name]) for name in names}

    def object(self) -> dict[str, Any]:
        """Return an object with any names and values."""
        if not isinstance(self.value, dict):
            self.expected("an object")
        return dict(self.value)

    def items(self, least: int = 0) -> list["JsonValue"]:
        """Return the values of an array of at least some length."""
        if not isinstance(self.value, list) or len(self.value) < least:
            self.expected(f"an array of at least {least}" if least else "an array")
        return [self._at(f"[{number}]", item) for number, item in enumerate(self.value)]

    def text(self, pattern: str, what: str) -> str:
        """Return a text that matches a pattern."""
        if not isinstance(self.value, str) or not re.fullmatch(pattern, self.value):
            self.expected(what)
        return str(self.value)

    def integer(self, low: int, high: int | None = None) -> int:
        """Return a whole number within inclusive limits."""
        is_integer = isinstance(self.value, int) and not isinstance(self.value, bool)
        if not is_integer or self.value < low or (high is not None and self.value > high):
            self.expected(f"a whole number {f'from {low} to {high}' if high is not None else f'of at least {low}'}")
        return int(self.value)

    def number(self, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number within inclusive limits."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not low <= self.value <= high:
            limits = "" if low == -math.inf and high == math.inf else f" from {low:g} to {high:g}"
            self.expected(f"a number{limits}")
        return float(self.value)

    def boolean(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.expected("true or false")
        return bool(self.value)

    def _at(self, step: str, value: Any) -> "JsonValue":
        return JsonValue(value, self.source, f"{self.path}{step}")


def read_document(content: bytes, source: str) -> JsonValue:
    """Return the document in the content of a file.

    Raises:
        ModelError: It is no JSON, or no strict JSON: it has a name twice, or a number that is not finite.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{source}: byte {error.start}: expected UTF-8, found byte {content[error.start]:#04x}"
        ) from None

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for name in _repeated([name for name, _ in pairs]):
            raise ModelError(f'{source}: the name "{name}" is there twice in one object')
        return dict(pairs)

    def constant(word: str) -> NoReturn:
        raise ModelError(f"{source}: expected JSON, found {word}, which is no number of JSON")

    def finite(word: str) -> float:
        number = float(word)
        return number if math.isfinite(number) else constant(word)

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=constant, parse_float=finite)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ModelError(f"{source}: {place}: expected JSON: {error.msg}; is the file whole?") from None
    except (RecursionError, ValueError) as error:  # nested too deeply; an integer of thousands of digits
        raise ModelError(f"{source}: expected JSON of a model: {error}") from None
    return JsonValue(value, source)


def _repeated(names: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)
