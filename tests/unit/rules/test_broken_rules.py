"""Every kind of broken rules file that we could think of: the message names file, line and cause."""

import re
from pathlib import Path

import pytest

from avroguard.avro.schema import parse_schema
from services.rules.faults import RulesError
from services.rules.loading import load_rules, parse_rules
from tests.support.rules import CONSTANTS, SCHEMA

RULE = """\
# some rules

[rules.many]
severity = "high"
when = "amount >= 100"
reason = "{payments} of {amount}"
windows.payments = { measure = "count", by = ["source"], over = "1h", at_least = 5 }
"""
"""A sound file: `when` is in line 5, the window in line 7."""


def faults(content: bytes | str) -> list[str]:
    with pytest.raises(RulesError) as caught:
        parse_rules(content, "rules.toml", SCHEMA, CONSTANTS)
    return str(caught.value).splitlines()


def replaced(old: str, new: str) -> str:
    assert RULE.count(old) == 1
    return RULE.replace(old, new)


WINDOW = '{ measure = "count", by = ["source"], over = "1h", at_least = 5 }'


def window(text: str) -> str:
    return replaced(WINDOW, text)


BROKEN = {
    # the file
    "not TOML": (replaced("severity =", "severity"), 4, "not TOML"),
    "a string without end": (replaced('"high"', '"high'), 4, "not TOML"),
    "a key twice": (RULE + 'severity = "low"\n', 8, "not TOML"),
    "a rule twice": (RULE + "[rules.many]\n", 8, "not TOML"),
    "cut off in the middle": (RULE[: RULE.index("over")], 7, "not TOML"),
    "not UTF-8": (RULE.encode() + b"# \xe9\n", 8, "not UTF-8"),
    "empty": ("", 1, "expected at least one table [rules.NAME]"),
    "no rule": ("[rules]\n", 1, "expected at least one table [rules.NAME]"),
    "rules are no table": ("rules = 5\n", 1, "expected at least one table [rules.NAME]"),
    "another table": (RULE + "[rule.more]\n", 8, 'unknown key "rule"; expected tables [rules.NAME]'),
    # the rule
    "a rule that is no table": ("[rules]\nmany = 5\n", 2, "expected a table [rules.many], found 5"),
    "a bad name": (replaced("rules.many", "rules.Many"), 3, '"Many" is no name for a rule'),
    "an unknown key": (replaced("when", "where"), 5, 'unknown key "where"; did you mean "when"?'),
    "no severity": (replaced('severity = "high"', ""), 3, "severity: expected one of low, medium, high, critical"),
    "unknown severity": (replaced('"high"', '"hihg"'), 4, 'found "hihg"; did you mean "high"?'),
    "severity in capitals": (replaced('"high"', '"HIGH"'), 4, 'did you mean "high"?'),
    "unknown mode": (RULE.replace("when", 'mode = "shadwo"\nwhen'), 5, 'found "shadwo"; did you mean "shadow"?'),
    "alert that is no boolean": (RULE.replace("when", 'alert = "no"\nwhen'), 5, "expected true or false"),
    "alert_every that is no duration": (RULE.replace("when", "alert_every = 10\nwhen"), 5, 'such as "24h", found 10'),
    "alert_every of no time": (RULE.replace("when", 'alert_every = "0s"\nwhen'), 5, "must be positive"),
    "alert_every without alerts": (
        RULE.replace("when", 'alert = false\nalert_every = "10m"\nwhen'),
        6,
        "alert_every: the rule writes no alerts, as alert = false",
    ),
    "alert_every without windows": (
        RULE[: RULE.index("windows")].replace("{payments}", "").replace("when", 'alert_every = "10m"\nwhen'),
        5,
        "alert_every: it is for each key of the rule's windows, and the rule has none",
    ),
    "a measure that is kept for alert_every": (replaced('"count"', '"matches"'), 7, 'unknown measure "matches"'),
    "no reason": (replaced('reason = "{payments} of {amount}"', ""), 3, "reason: expected a text"),
    "an empty reason": (replaced('"{payments} of {amount}"', '" "'), 6, "reason: expected a text"),
    "unknown name in the reason": (replaced("{amount}", "{amuont}"), 6, 'window of the rule; did you mean "amount"?'),
    "a brace without end": (replaced("{amount}", "{amount"), 6, "reason: expected '}'"),
    "a format in the reason": (replaced("{amount}", "{amount:.2f}"), 6, '"{amount:.2f}": expected a name'),
    "a number in the reason": (replaced("{amount}", "{0}"), 6, '"{0}": expected a name'),
    "neither condition nor limit": (
        replaced('when = "amount >= 100"\n', "").replace(", at_least = 5", ""),
        3,
        "it would match everything",
    ),
    # conditions
    "a condition that is no text": (replaced('"amount >= 100"', "100"), 5, "when: expected a condition"),
    "an empty condition": (replaced('"amount >= 100"', '""'), 5, "when: an empty condition"),
    "bad grammar": (replaced("amount >= 100", "amount => 100"), 5, "when: not a condition"),
    "= for ==": (replaced("amount >= 100", "amount = 100"), 5, 'equality is "=="'),
    "an unknown field": (
        replaced("amount >= 100", "amuont >= 100"),
        5,
        'unknown field "amuont"; did you mean "amount"?',
    ),
    "a text without quotes": (replaced("amount >= 100", "currency == EUR"), 5, "a text stands in quotes"),
    "text for a number": (replaced("amount >= 100", "amount >= '100'"), 5, "expected a number, found a text: '100'"),
    "a number for text": (replaced("amount >= 100", "source == 100"), 5, "expected a text in quotes, found a number"),
    "a bad date": (replaced("amount >= 100", "created_at > '1.1.2026'"), 5, "such as '2026-01-31T23:59:59Z'"),
    "order of text": (replaced("amount >= 100", "currency < 'EUR'"), 5, "it has no order"),
    "a bad pattern": (replaced("amount >= 100", "matches(source, '(')"), 5, "no regular expression: missing )"),
    "an unknown function": (replaced("amount >= 100", "sqrt(amount) > 5"), 5, "there is no sqrt()"),
    "calculation": (replaced("amount >= 100", "amount ** 2 > 5"), 5, "allowed are comparisons"),
    "the third line of a condition": (
        replaced('"amount >= 100"', '"""\n  amount >= 100\n  and online\n  and curency == \'EUR\'"""'),
        8,
        'unknown field "curency"; did you mean "currency"?',
    ),
    "a faulty where": (window(WINDOW.replace("}", ", where = \"amount > 'x'\" }")), 7, "where: amount is a decimal"),
    "an empty where": (window(WINDOW.replace("}", ', where = "" }')), 7, "where: an empty condition"),
    # windows
    "windows that are no table": (
        replaced(f"windows.payments = {WINDOW}", "windows = 5"),
        7,
        "windows: expected tables",
    ),
    "a window that is no table": (window('"count"'), 7, 'expected a table such as { measure = "count"'),
    "a bad name of a window": (replaced("windows.payments", "windows.Pay-ments"), 7, '"Pay-ments" is no name'),
    "a window called as a field": (replaced("windows.payments", "windows.amount"), 7, "the same name"),
    "an unknown key of a window": (window(WINDOW.replace("at_least", "atleast")), 7, 'did you mean "at_least"?'),
    "no measure": (window(WINDOW.replace('measure = "count", ', "")), 7, "measure: unknown measure nothing"),
    "an unknown measure": (window(WINDOW.replace("count", "cuont")), 7, 'did you mean "count"?'),
    "an unknown measure of a field": (window(WINDOW.replace("count", "mean amount")), 7, "expected one of count, sum"),
    "count of a field": (window(WINDOW.replace("count", "count amount")), 7, 'expected "count"'),
    "inactivity of a field": (window(WINDOW.replace("count", "inactivity source")), 7, 'expected "inactivity"'),
    "distinct of nothing": (window(WINDOW.replace("count", "distinct")), 7, "expected distinct and one field"),
    "distinct of two": (window(WINDOW.replace("count", "distinct fee rate")), 7, "expected distinct and one field"),
    "sum of a text": (window(WINDOW.replace("count", "sum currency")), 7, "sum of currency, which is text"),
    "average of a time": (window(WINDOW.replace("count", "average created_at")), 7, "which is a timestamp-millis"),
    "sum of floating point": (window(WINDOW.replace("count", "sum risk")), 7, "which is a floating point number"),
    "max of an unknown field": (window(WINDOW.replace("count", "max amuont")), 7, 'did you mean "amount"?'),
    "distinct of floating point": (
        window(WINDOW.replace("count", "distinct risk")),
        7,
        "distinct values can't be counted",
    ),
    "sum of what may be null": (window(WINDOW.replace("count", "sum discount")), 7, "may be without a value"),
    "distinct of the key": (window(WINDOW.replace("count", "distinct source")), 7, "is always 1"),
    "no key": (window(WINDOW.replace('by = ["source"], ', "")), 7, "by: expected the fields of the key"),
    "an empty key": (window(WINDOW.replace('["source"]', "[]")), 7, "by: expected the fields of the key"),
    "a key that is no list": (window(WINDOW.replace('["source"]', '"source"')), 7, 'found "source"'),
    "an unknown field in the key": (window(WINDOW.replace('["source"]', '["sorce"]')), 7, 'did you mean "source"?'),
    "a field twice in the key": (
        window(WINDOW.replace('["source"]', '["source", "source"]')),
        7,
        "source stands there twice",
    ),
    "floating point in the key": (window(WINDOW.replace('["source"]', '["risk"]')), 7, "which can't be a key"),
    "a nullable field in the key": (window(WINDOW.replace('["source"]', '["country"]')), 7, "may be without a value"),
    "the id in the key": (window(WINDOW.replace('["source"]', '["id"]')), 7, "a window to itself"),
    "no length": (window(WINDOW.replace('over = "1h", ', "")), 7, "over: expected a number and s, m, h or d"),
    "a length without unit": (window(WINDOW.replace('"1h"', '"60"')), 7, 'found "60"'),
    "a length that is a number": (window(WINDOW.replace('"1h"', "60")), 7, "found 60"),
    "no length at all": (window(WINDOW.replace('"1h"', '"0s"')), 7, '"0s" is not a duration'),
    "a limit that is a text": (window(WINDOW.replace("= 5", '= "5"')), 7, 'expected a number for a count, found "5"'),
    "a limit that is true": (window(WINDOW.replace("= 5", "= true")), 7, "expected a number for a count, found true"),
    "a limit that is no number": (window(WINDOW.replace("= 5", "= nan")), 7, "expected a number for a count"),
    "a limit without measure": (window(WINDOW.replace("= 5", "= 1e999999999")), 7, "expected a number for a count"),
    "half a transaction": (window(WINDOW.replace("= 5", "= 4.5")), 7, "a whole number of 1 or more"),
    "a limit that always holds": (window(WINDOW.replace("= 5", "= 0")), 7, "a whole number of 1 or more"),
    "limits that exclude each other": (window(WINDOW.replace("= 5", "= 5, at_most = 4")), 7, "it could never fire"),
    "inactivity in a number": (window(WINDOW.replace("count", "inactivity")), 7, "expected a number and s, m, h or d"),
    "inactivity longer than the window": (
        window(WINDOW.replace("count", "inactivity").replace("= 5", '= "1h"')),
        7,
        "never in a window",
    ),
    "a limit in a line of its own": (
        replaced(f"windows.payments = {WINDOW}\n", '[rules.many.windows.payments]\nmeasure = "count"\n')
        + 'by = [\n  "source",\n  "curency",\n]\nover = "1h"\nat_least = "many"\n',
        14,
        'expected a number for a count, found "many"',
    ),
    "a figure for nothing": (
        RULE + 'windows.more = { measure = "count", by = ["source"], over = "2h" }\n',
        8,
        "neither has a limit nor is in the reason",
    ),
    "windows without a common key": (
        RULE + 'windows.more = { measure = "count", by = ["target"], over = "2h", at_least = 5 }\n',
        7,
        "no field is in the key of all of them (payments by source; more by target)",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_refused_with_file_line_and_cause(kind: str) -> None:
    content, line, cause = BROKEN[kind]
    messages = faults(content)
    assert any(re.match(rf"rules\.toml:{line}:", fault) and cause in fault for fault in messages), messages


def test_the_file_that_they_are_made_of_is_sound() -> None:
    (rule,) = parse_rules(RULE, "rules.toml", SCHEMA, CONSTANTS).rules
    assert (rule.name, rule.line) == ("many", 3)


def test_all_faults_are_reported_at_once_in_the_order_of_the_file() -> None:
    content = RULE.replace("amount >= 100", "amuont >= 100").replace('"high"', '"higher"').replace('"1h"', '"1"')
    assert [fault.split(": ")[:3] for fault in faults(content)] == [
        ["rules.toml:4", "rule many", "severity"],
        ["rules.toml:5", "rule many", "when"],
        ["rules.toml:7", "rule many", "windows.payments"],
    ]


def test_a_fault_is_reported_once() -> None:
    assert len(faults(replaced("{payments} of ", "").replace("5 }", '"x" }'))) == 1


def test_windows_need_the_time_and_the_id_of_a_transaction() -> None:
    content = b'{"type": "record", "name": "T", "fields": [{"name": "source", "type": "string"}]}'
    text = RULE.replace('when = "amount >= 100"', "").replace("{amount}", "")
    with pytest.raises(RulesError) as caught:
        parse_rules(text, "rules.toml", parse_schema("t.avsc", content), CONSTANTS)
    lines = str(caught.value).splitlines()
    assert [line.split(" in the schema")[0] for line in lines] == [
        "rules.toml:7: rule many: windows need a field created_at",
        "rules.toml:7: rule many: windows need a field id",
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"nowhere\.toml: cannot be read: No such file"):
        load_rules(tmp_path / "nowhere.toml", SCHEMA, CONSTANTS)
    with pytest.raises(RulesError, match="cannot be read: Is a directory"):
        load_rules(tmp_path, SCHEMA, CONSTANTS)
