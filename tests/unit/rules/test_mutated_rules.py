"""Mutated rules files give rules, or lines that each name file and line."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from services.detection.settings import DEFAULT_RULES
from services.rules.condition_parser import parse_condition
from services.rules.faults import RulesError
from services.rules.loading import parse_rules
from services.rules.model import RuleSet
from services.rules.operands import ConditionError
from tests.support.rules import CONSTANTS, FIELDS, NAMES, SCHEMA

CONDITION = "matches(source, 'a+') and not (country in ['DE', \"FR\"]\n or created_at < '2026-01-31') and id != source"
TEXT = DEFAULT_RULES.read_text().replace("\n# ", "\n#") + (
    f"[rules.more]\nseverity = 'low'\nreason = '{{country}}'\nwhen = '''\n{CONDITION}\n'''\n"
)
PIECES = [
    *"()[]{}'\"=<>!%#.,\\-\n\0é",
    "not ",
    " and ",
    " or ",
    " in ",
    "'''",
    '"""',
    "amount",
    "source",
    "1",
    "-5",
    "e9",
]
PIECES += ["1e999", "true", "None", "id", "created_at", "online", "country", "over", "count", "inactivity", "distinct"]


def edits(text: str) -> st.SearchStrategy[str]:
    """The text with up to four places replaced."""
    edit = st.tuples(st.integers(0, len(text) - 1), st.integers(0, 12), st.sampled_from(["", *PIECES]))
    return st.lists(edit, min_size=1, max_size=4).map(lambda made: edited(text, made))


def edited(text: str, made: list[tuple[int, int, str]]) -> str:
    for start, length, piece in made:
        text = text[:start] + piece + text[start + length :]
    return text


@settings(max_examples=200, deadline=None)
@given(edits(TEXT))
def test_a_mutated_file_gives_rules_or_faults_with_their_lines(text: str) -> None:
    try:
        rules = parse_rules(text, "rules.toml", SCHEMA, CONSTANTS)
    except RulesError as error:
        last = text.count("\n") + 1
        for line in str(error).split("\nrules.toml:"):
            match = re.match(r"(?:rules\.toml:)?(\d+):", line)
            assert match, line
            assert 1 <= int(match[1]) <= last
    else:
        assert isinstance(rules, RuleSet)


@settings(max_examples=300, deadline=None)
@given(edits(CONDITION))
def test_a_mutated_condition_gives_a_condition_or_a_fault_with_its_place(text: str) -> None:
    offset = 0
    try:
        condition = parse_condition(text, NAMES)
    except ConditionError as error:
        offset = error.offset
    else:
        assert parse_condition(condition.text, NAMES) == condition
        assert condition.fields <= FIELDS.keys()
    assert 0 <= offset <= len(text)
