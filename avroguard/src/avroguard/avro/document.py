"""Schema files as JSON, with the place of every value, so that an error can say where to look.

Python's own parser gives no positions for values that are fine as JSON and wrong as a schema, and keeps the last
of two equal keys without a word. It is used where it is sure to agree with `JsonParser`, which is slower.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from json import loads
from typing import Any, NoReturn

from avroguard.avro.encoding import comments_in, encoding_of, without_comments
from avroguard.avro.json_parser import MAX_DEPTH, JsonParser, line_and_column, not_json
from avroguard.avro.protocols import IDL, PROTOCOL, idl_error, protocol_types
from avroguard.findings import Finding
from avroguard.places import JsonPath, Place

_DOUBTFUL = re.compile(r"\\u[dD][89a-fA-F]|[0-9]{100}")  # surrogates, and numbers that are too long


@dataclass(frozen=True)
class Document:
    """A parsed schema file.

    Attributes:
        name: Its name in messages: a path, or ``ref:path``.
        text: The text of the file, without a byte order mark.
        json: The schema as plain Python data; of a protocol (``.avpr``), the union of its types.
        findings: The findings of what is not portable in the file: its encoding, its comments.
        root: The path of the schema in the file: empty but for a protocol.
    """

    name: str
    text: str
    json: Any
    findings: tuple[Finding, ...] = ()
    root: JsonPath = ()

    @cached_property
    def offsets(self) -> Mapping[JsonPath, int]:
        """The start of each value of the file, in characters from the start of the text."""
        parser = JsonParser(self.name, without_comments(self.text))
        parser.document()
        return parser.offsets

    def position(self, path: JsonPath) -> tuple[int, int]:
        """Line and column, both from 1, of the value at ``path``, or of the nearest one around it."""
        path = (*self.root, *path)
        while path not in self.offsets:
            path = path[:-1]
        return line_and_column(self.text, self.offsets[path])

    def where(self, path: JsonPath = ()) -> Place:
        """The place of the value at ``path``, or of the nearest one around it."""
        return Place(self.name, *self.position(path))


def parse_json(name: str, content: bytes) -> Document:
    """Parse a schema file: ``.avsc``, or the types of a protocol, ``.avpr``.

    Args:
        name: The file's name in messages.
        content: The bytes of the file.

    Raises:
        InvalidSchemaError: If it is not JSON in a Unicode encoding, or if an object has a key twice.
    """
    if name.endswith(IDL):
        raise idl_error(name)
    encoding, mark = encoding_of(content)
    findings = [_not_utf8(name, encoding)] if mark or encoding != "utf-8" else []
    text = _decoded(name, content[mark:], encoding)
    try:
        value = _quickly(text)
    except (ValueError, RecursionError):  # with comments; or faulty, which the slow parser locates
        comments = comments_in(text)
        value = _without_comments(name, text, comments)
        findings += [_comment(name, text, offset) for offset in comments[:1]]
    if not name.endswith(PROTOCOL):
        return Document(name, text, value, tuple(findings))
    types, root = protocol_types(name, value)
    return Document(name, text, types, tuple(findings), root)


def _decoded(name: str, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding)
        problem = f"byte 0x{content[error.start]:02x} is not {encoding.upper()}; save the file as UTF-8"
        raise not_json(Place(name, *line_and_column(before, len(before))), "JSON_INVALID", problem) from None


def _without_comments(name: str, text: str, comments: list[int]) -> Any:
    parser = JsonParser(name, without_comments(text))
    value = parser.document()
    if after := [offset for offset in comments if offset >= parser.at_end]:
        place = Place(name, *line_and_column(text, after[0]))
        message = "a comment after the schema, which no parser takes; Avro Java takes comments before it"
        raise not_json(place, "JSON_INVALID", message)
    return value


def _comment(name: str, text: str, offset: int) -> Finding:
    message = "a comment, which is not JSON: Avro Java takes it, most other parsers don't"
    return Finding.of("JSON_COMMENT", message, 'say it in "doc"', place=Place(name, *line_and_column(text, offset)))


def _not_utf8(name: str, encoding: str) -> Finding:
    mark = "with a byte order mark" if encoding == "utf-8" else f"in {encoding.upper()}"
    message = f"the file is written {mark}: Avro Java takes it, most other parsers don't"
    fix = "save it as UTF-8 without a byte order mark"
    return Finding.of("ENCODING_NOT_UTF8", message, fix, place=Place(name, 1, 1))


def _quickly(text: str) -> Any:
    """Parse by Python's own parser, which takes more than ours and knows no positions.

    Raises:
        ValueError: If ours could take the text for something else.
    """
    if _DOUBTFUL.search(text):
        raise ValueError
    value = loads(text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite)
    if _too_deep(value, MAX_DEPTH):
        raise ValueError
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError
    return result


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(number: str) -> float:
    value = float(number)
    if value in (float("inf"), float("-inf")):
        raise ValueError
    return value


def _too_deep(value: Any, levels: int) -> bool:
    """Return whether a part of a value is nested more levels deep."""
    if not isinstance(value, dict | list):
        return False
    if not levels:
        return bool(value)
    for inner in value.values() if isinstance(value, dict) else value:
        if type(inner) in (dict, list) and _too_deep(inner, levels - 1):
            return True
    return False
