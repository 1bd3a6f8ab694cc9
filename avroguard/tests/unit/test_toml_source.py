import pytest
from hypothesis import given
from hypothesis import strategies as st

from avroguard.errors import ContractError
from avroguard.toml_source import TomlDocument, TomlPath, parse_toml

TEXT = '''# a comment with = and "quotes
title = "x # no comment"   # [not.a.table]

[table]
plain = 1
"quoted key" = 'a "literal" \\'
dotted.inner."most inner" = 2
  spaced   =   [ # begins
    1, # one ]
    "two, ]",
    { three = 3, nested = [ 4,
      5 ] },
  ]
inline = { a = 1, b.c = "}", d = { e = "x" } }
multi = """
first
second \\"" quoted
third"""
literal = \'\'\'one
two\'\'\'\'\'
empty = ""
when = 2026-01-31 12:00:00
[ table . sub ] # after
[[many]]
name = "first"
[[many]]
name = "second"
[many.sub]
deep = true
[[many.list]]
x = 1
last = 1.50'''


@pytest.fixture(scope="module")
def document() -> TomlDocument:
    return parse_toml("x.toml", TEXT.encode())


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("title",), 2),
        (("table",), 4),
        (("table", "plain"), 5),
        (("table", "quoted key"), 6),
        (("table", "dotted"), 7),
        (("table", "dotted", "inner", "most inner"), 7),
        (("table", "spaced"), 8),
        (("table", "spaced", 0), 9),
        (("table", "spaced", 1), 10),
        (("table", "spaced", 2, "three"), 11),
        (("table", "spaced", 2, "nested", 1), 12),
        (("table", "inline", "b", "c"), 14),
        (("table", "inline", "d", "e"), 14),
        (("table", "multi"), 15),
        (("table", "literal"), 19),
        (("table", "empty"), 21),
        (("table", "when"), 22),
        (("table", "sub"), 23),
        (("many", 0), 24),
        (("many", 0, "name"), 25),
        (("many", 1, "name"), 27),
        (("many", 1, "sub", "deep"), 29),
        (("many", 1, "list", 0, "x"), 31),
        (("many", 1, "list", 0, "last"), 32),
        (("table", "missing"), 4),
        (("nothing", "at", "all"), 1),
    ],
)
def test_every_key_has_its_line(document: TomlDocument, path: TomlPath, line: int) -> None:
    assert document.line(path) == line


def test_a_text_in_several_lines_has_a_line_for_each_character(document: TomlDocument) -> None:
    multi = document.data["table"]["multi"]
    for word, line in (("first", 16), ("second", 17), ("third", 18)):
        assert document.line(("table", "multi"), multi.index(word)) == line
    assert document.line(("table", "literal"), 4) == 20
    assert document.line(("title",), 5) == 2


def test_numbers_are_exact() -> None:
    assert str(parse_toml("x.toml", b"x = 0.10").data["x"]) == "0.10"


def test_line_ends_of_windows_are_lines() -> None:
    document = parse_toml("x.toml", b'a = 1\r\nb = """\r\none\r\ntwo"""\r\nc = 3\r\n')
    assert document.line(("b",), 4) == 4
    assert document.line(("c",)) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\nb =\n", "x.toml:2:4: not TOML: Invalid value"),
        (b"a = 1\na = 2\n", "x.toml:2:6: not TOML: Cannot overwrite a value"),
        (
            b"a = 1\nb = { c = 5,000 }\n",
            "x.toml:2:17: not TOML: Expected '=' after a key in a key/value pair; a number has no",
        ),
        (b"a = [1,\n2", "x.toml:2: not TOML: Unclosed array"),
        (b"a = 1\n# \xff", "x.toml:2: not UTF-8; save the file as UTF-8"),
        (b"a = " + b"[" * 5000, "x.toml:1: not TOML: "),
        (b"a = 1e99999999999999999999", "x.toml:1: not TOML: "),
    ],
)
def test_what_is_not_toml_is_told_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_toml("x.toml", content)
    assert str(caught.value).startswith(message)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=("Cc", "Cs")), max_size=8)


def basic(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


values = st.recursive(
    st.one_of(
        texts.map(basic),
        texts.map(lambda text: f'"""\n{basic(text)[1:-1]}"""'),
        texts.filter(lambda text: "'" not in text).map(lambda text: f"'{text}'"),
        st.integers().map(str),
        st.sampled_from(["true", "1.5", "07:32:00", "2026-01-31", '"""a""b"""', "'''\n'''"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda some: f"[ # [\n{', # ]'.join(f'{item}' + chr(10) for item in some)}\n]"),
        st.lists(inner, max_size=3).map(
            lambda some: "{" + ", ".join(f"k{n}.x = {item}" for n, item in enumerate(some)) + "}"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(texts, values), max_size=6, unique_by=lambda pair: pair[0]))
def test_the_line_of_a_key_is_where_it_was_written(pairs: list[tuple[str, str]]) -> None:
    text, lines = "", {}
    for key, value in pairs:
        text += f"# {key}\n"
        lines[key] = text.count("\n") + 1
        text += f"{basic(key)} = {value} # {key} = [\n"
    try:
        document = parse_toml("x.toml", text.encode())
    except ContractError:  # a line feed in an inline table: TOML 1.0 has none, and some values begin with one
        return
    assert {key: document.line((key,)) for key in lines} == lines
