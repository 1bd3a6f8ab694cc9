"""The text of a schema file: its encoding, and comments, which are not JSON although Avro Java takes them.

Avro Java reads a file with Jackson, which finds out the encoding by the first bytes (RFC 4627, section 3) and takes
comments wherever JSON allows white space; after the schema Avro Java refuses them.
"""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# The first character of a schema is ASCII, so that zero bytes tell the encodings apart.
_ZEROS = (
    (b"\0\0\0", "utf-32-be"),
    (b"\0", "utf-16-be"),
)
_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|//[^\n\r]*', re.DOTALL)
_NO_LINE_END = re.compile(r"[^\n\r]")


def encoding_of(content: bytes) -> tuple[str, int]:
    """Return the encoding of a JSON file, and the length of its byte order mark in bytes."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding, len(mark)
    for zeros, encoding in _ZEROS:
        if content.startswith(zeros):
            return encoding, 0
    if content[1:4] == b"\0\0\0":
        return "utf-32-le", 0
    return ("utf-16-le" if content[1:2] == b"\0" else "utf-8"), 0


def comments_in(text: str) -> list[int]:
    """Return the offsets of the comments in a text, as far as each has an end."""
    return [match.start() for match in _STRING_OR_COMMENT.finditer(text) if match.group().startswith("/")]


def text_of(content: bytes) -> str:
    """Return the text of a schema file without comments.

    Raises:
        UnicodeDecodeError: If it is not in a Unicode encoding.
    """
    encoding, mark = encoding_of(content)
    return without_comments(content[mark:].decode(encoding))


def without_comments(text: str) -> str:
    """Return a text with spaces in the place of comments: every offset stays."""
    return _STRING_OR_COMMENT.sub(
        lambda match: _NO_LINE_END.sub(" ", match.group()) if match.group().startswith("/") else match.group(), text
    )
