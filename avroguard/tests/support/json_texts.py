"""Schema files that are JSON, nearly JSON, or in another encoding, and whether Avro Java reads the file."""

from dataclasses import dataclass

SCHEMA = '{"type": "record", "name": "O", "namespace": "shop", "fields": [{"name": "a", "type": "int"}]}'
COMMENT, ENCODING = "JSON_COMMENT", "ENCODING_NOT_UTF8"


@dataclass(frozen=True)
class JsonText:
    """A file.

    Attributes:
        name: Its peculiarity.
        content: Its bytes.
        rules: The findings of a file that Avro Java reads; None where it refuses the file.
    """

    name: str
    content: bytes
    rules: tuple[str, ...] | None


TEXTS = [
    JsonText("plain", SCHEMA.encode(), ()),
    JsonText("a block comment before", f"/* x\n * y */\n{SCHEMA}".encode(), (COMMENT,)),
    JsonText("a line comment before", f"// x\n{SCHEMA}".encode(), (COMMENT,)),
    JsonText("a line comment ended by a carriage return", f"// x\r{SCHEMA}".encode(), (COMMENT,)),
    JsonText(
        "comments inside", SCHEMA.replace(', "name": "O"', ', /* a */ "name" /*b*/ : // c\n "O"').encode(), (COMMENT,)
    ),
    JsonText("what looks like a comment in a string", SCHEMA.replace('"a"', '"a", "doc": "// /* */"').encode(), ()),
    JsonText("a comment after", f"{SCHEMA} // end".encode(), None),
    JsonText("a comment without an end after", f"{SCHEMA}/* end".encode(), None),
    JsonText("a comment without an end before", f"/* end{SCHEMA}".encode(), None),
    JsonText("a comment of another kind", f"# x\n{SCHEMA}".encode(), None),
    JsonText("a line comment ended by a line separator", f"// x\u2028{SCHEMA}".encode(), None),
    JsonText("a comment alone", b"// x\n", None),
    JsonText("a byte order mark", SCHEMA.encode("utf-8-sig"), (ENCODING,)),
    JsonText("two byte order marks", "\ufeff".encode() + SCHEMA.encode("utf-8-sig"), None),
    JsonText("a byte order mark and a comment", f"/*\u00e4*/{SCHEMA}".encode("utf-8-sig"), (ENCODING, COMMENT)),
    JsonText("UTF-16 with a mark", SCHEMA.encode("utf-16"), (ENCODING,)),
    JsonText("UTF-16 LE without a mark", SCHEMA.encode("utf-16-le"), (ENCODING,)),
    JsonText("UTF-16 BE without a mark", SCHEMA.encode("utf-16-be"), (ENCODING,)),
    JsonText("UTF-16 with half a unit", SCHEMA.encode("utf-16")[:-1], None),
    JsonText("UTF-8 after the mark of UTF-16", b"\xff\xfe" + SCHEMA.encode(), None),
    JsonText("UTF-32 with a mark", SCHEMA.encode("utf-32"), (ENCODING,)),
    JsonText("UTF-32 LE without a mark", SCHEMA.encode("utf-32-le"), (ENCODING,)),
    JsonText("UTF-32 BE without a mark", SCHEMA.encode("utf-32-be"), (ENCODING,)),
    JsonText("Latin-1", SCHEMA.replace('"a"', '"a", "doc": "\u00e4"').encode("latin-1"), None),
    JsonText("a word after", f"{SCHEMA} x".encode(), None),
    JsonText("another schema after", (SCHEMA + SCHEMA).encode(), None),
    JsonText("a bracket after", f"{SCHEMA}]".encode(), None),
    JsonText("a trailing comma", SCHEMA.replace("}]", "},]").encode(), None),
    JsonText("single quotes", SCHEMA.replace('"', "'").encode(), None),
    JsonText("NaN", SCHEMA.replace('"a"', '"a", "x": NaN').encode(), None),
    JsonText("nothing", b"", None),
]
