import numpy as np
import pytest

from services.rules.condition_parser import parse_condition
from services.rules.conditions import Expression, null_mark, with_nulls
from services.rules.operands import ConditionError
from tests.support.rules import NAMES


def read(text: str) -> Expression:
    return parse_condition(text, NAMES)


def holds(text: str, **columns: list[object]) -> list[bool]:
    arrays = {name: np.array(values) for name, values in columns.items()}
    return read(text).mask(arrays, len(next(iter(columns.values())))).tolist()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  amount   >=900.00 ", "amount >= 900"),
        ("900 <= amount", "amount >= 900"),
        ("890 <= amount < 900", "amount >= 890 and amount < 900"),
        ("amount >= suspicious_amount", "amount >= 900"),
        ("amount > 1_000.5e1", "amount > 10005"),
        ("amount > -0.0", "amount > 0"),
        ("amount > -1", "amount > -1"),
        ('currency == "EUR"', "currency == 'EUR'"),
        ("(((online)))", "online"),
        ("not (online and amount < 5)", "not online or amount >= 5"),
        ("not not online", "online"),
        ("not 1 < amount < 5", "amount <= 1 or amount >= 5"),
        ("online and (amount < 1 and fee > 2)", "online and amount < 1 and fee > 2"),
        ("online and (amount < 1 or fee > 2)", "online and (amount < 1 or fee > 2)"),
        ("online or (amount < 1 and fee > 2)", "online or amount < 1 and fee > 2"),
        ("currency in ('USD', \"EUR\", 'USD')", "currency in ['EUR', 'USD']"),
        ("not currency in ['EUR']", "currency not in ['EUR']"),
        ("not currency not in ['EUR']", "currency in ['EUR']"),
        ("amount % 100.0 == 0", "amount % 100 == 0"),
        ("matches(source, r'A[0-9]+')", "matches(source, 'A[0-9]+')"),
        ('not matches(source, "it\'s")', 'not matches(source, "it\'s")'),
        ("created_at >= '2026-01-31T12:00+01:00'", "created_at >= '2026-01-31T11:00:00+00:00'"),
        ("booked_on == '2026-01-31'", "booked_on == '2026-01-31'"),
        ("clock < '08:00'", "clock < '08:00:00'"),
        ("id == '0F0E0D0C-0000-4000-8000-000000000000'", "id == '0f0e0d0c-0000-4000-8000-000000000000'"),
        ("source\n == target", "source == target"),
    ],
)
def test_a_condition_has_one_spelling(text: str, canonical: str) -> None:
    assert read(text).text == canonical
    assert read(canonical).text == canonical
    assert read(text) == read(canonical)
    assert hash(read(text)) == hash(read(canonical))


def test_another_spelling_is_another_condition() -> None:
    assert read("amount > 1") != read("amount >= 1")


def test_it_says_what_it_looks_at() -> None:
    assert read("source == target or not (online and amount % 5 == 0)").fields == {
        "source",
        "target",
        "online",
        "amount",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amount >= 900.001", [False, True]),
        ("amount > 900.001", [False, True]),
        ("amount < 900.001", [True, False]),
        ("amount <= 900.001", [True, False]),
        ("amount == 900.001", [False, False]),
        ("amount != 900.001", [True, True]),
        ("amount in [900.001, 900.01]", [False, True]),
        ("amount not in [900.001]", [True, True]),
        ("amount < 10000000000000000000000", [True, True]),
        ("amount == 10000000000000000000000", [False, False]),
        ("amount > -10000000000000000000000", [True, True]),
    ],
)
def test_a_number_may_be_finer_or_larger_than_the_column(text: str, expected: list[bool]) -> None:
    assert holds(text, amount=[90_000, 90_001]) == expected


def test_a_decimal_is_never_a_float() -> None:
    assert holds("amount == 0.29", amount=[28, 29]) == [False, True]  # int(0.29 * 100) is 28


def test_a_floating_point_field_is_compared_with_the_nearest_float() -> None:
    assert holds("risk == 0.1 or risk in [0.3]", risk=[0.1, 0.2, 0.3]) == [True, False, True]


def test_remainders_are_those_of_python() -> None:
    assert holds("amount % 100 == 0", amount=[0, 10_000, 10_001, -10_000]) == [True, True, False, True]
    assert holds("amount % 100 == 99.99", amount=[-1, 9_999]) == [True, True]


def test_a_pattern_is_about_the_whole_text_and_its_characters() -> None:
    source = [text.encode() for text in ("A12", "A12b", "xA12", "", "é9", "A1\n")]
    assert holds(r"matches(source, '.\d+')", source=source) == [True, False, False, False, True, False]


def test_text_in_an_object_array_is_compared_exactly() -> None:
    column = np.array([b"EUR", b"EUR\0", b""], object)
    assert read("currency == 'EUR'").mask({"currency": column}, 3).tolist() == [True, False, False]
    assert read("currency in ['EUR', '']").mask({"currency": column}, 3).tolist() == [True, False, True]


def test_without_a_value_no_condition_holds() -> None:
    columns = with_nulls({"country": np.array([b"DE", b""])}, {"country": np.array([False, True])})
    for text in ("country != 'FR'", "not country == 'FR'", "country not in ['FR']", "not matches(country, 'F.')"):
        assert read(text).mask(columns, 2).tolist() == [True, False]
    assert null_mark("country") in columns


def test_no_rows_are_no_trouble() -> None:
    columns = {"amount": np.zeros(0, np.int64), "source": np.zeros(0, "S1"), "online": np.zeros(0, bool)}
    for text in ("amount > 1 and source == 'a'", "source in ['a']", "matches(source, 'a')", "not online"):
        assert read(text).mask(columns, 0).tolist() == []


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("", "an empty condition", 0),
        ("  \n ", "an empty condition", 0),
        ("amount >=", "not a condition", 9),
        ("amount = 900", 'equality is "=="', 0),
        ("amount > 1 && online", 'write "and" for "&&"', 12),
        ("amount > 1 || online", 'write "or" for "||"', 12),
        ("!online", 'write "not" for "!"', 0),
        ("amount > 1 AND online", "small letters", 11),
        ("currency == 'A=B' AND online", "small letters", 18),
        ("(amount > 1) & (fee > 1)", 'write "and" for "&"', 0),
        ("amuont > 1", 'unknown field "amuont"; did you mean "amount"?', 0),
        ("online and\n  amuont > 1", 'unknown field "amuont"', 13),
        ("amount > suspicious_amonut", 'did you mean "suspicious_amount"?', 9),
        ("currency == EUR", "a text stands in quotes", 12),
        ("amount > 'much'", "amount is a decimal with 2 decimal places: expected a number, found a text", 9),
        ("currency == 5", "currency is text: expected a text in quotes, found a number", 12),
        ("created_at > 5", "expected a text in quotes", 13),
        ("created_at > 'yesterday'", "such as '2026-01-31T23:59:59Z'", 13),
        ("booked_on == '2026-13-01'", "such as '2026-01-31'", 13),
        ("clock == '08:00+01:00'", "such as '23:59:59'", 9),
        ("currency < 'EUR'", "it has no order", 11),
        ("source < target", "it has no order", 0),
        ("source == currency == amount", "they can't be compared", 10),
        ("amount == rate", "they can't be compared", 0),
        ("signature == 'x'", "a condition can't look at", 13),
        ("tags == tags", "a condition can't look at", 0),
        ("'a' in tags", "only a field or a feature can be looked for", 0),
        ("'EUR' in currency", "only a field or a feature can be looked for", 0),
        ("currency in 'EUR'", "expected a list of values", 12),
        ("currency in []", "expected a list of values", 12),
        ("currency in [source]", "source is no value", 13),
        ("currency in ['EUR', 5]", "found a number: 5", 20),
        ("online == True", "write a field that is true or false alone", 10),
        ("online == true", "write a field that is true or false alone", 10),
        ("online == 1", "write online or not online", 10),
        ("country == None", "write a field", 11),
        ("country == null", "write a field", 11),
        ("country is None", '"is"', 0),
        ("amount", "compare it with something", 0),
        ("suspicious_amount", "suspicious_amount is a number", 0),
        ("amount > 1 and 5", "5 alone says nothing", 15),
        ("1 < 2", "neither is a field", 0),
        ("amount ** fee > 5", "amount ** fee: expected a field, a number or a text", 0),
        ("amount % 0 == 0", "above 0", 9),
        ("amount % fee == 0", "above 0", 9),
        ("amount % 0.001 == 0", "finer than amount", 9),
        ("huge % 100000000000000000000 == 0", "too large", 7),
        ("risk % 2 == 0", "a whole number or a decimal", 0),
        ("currency % 2 == 0", "a whole number or a decimal", 0),
        ("amount % 5 == fee", "only be compared with a number", 0),
        ("amount % 5 in [0]", "only a field or a feature can be looked for", 0),
        ("matches(source)", "expected matches(field, 'pattern')", 0),
        ("matches(source, 'a', 'b')", "expected matches(field, 'pattern')", 0),
        ("matches(amount, 'a')", "expected a field that is text", 8),
        ("matches(source, 5)", "expected a regular expression", 16),
        ("matches(source, '[a')", "no regular expression", 16),
        ("startswith(source, 'a')", "there is no startswith()", 0),
        ("source.lower() == 'a'", "there is no source.lower()", 0),
        ("__import__('os').system('true')", "there is no", 0),
        ("amount > 1 if online else fee > 1", "can't stand in a condition", 0),
        ("lambda: 1", "can't stand in a condition", 0),
        ("amount > 0x10", "expected a decimal number", 9),
        ("amount > 1e999", "more than 28 digits", 9),
        ("amount > 1j", "expected a field", 9),
        ("source == f'{amount}'", "expected a field", 10),
        ("source == 'a' 'b'", "expected a text between", 10),
        ("source == b'a'", "expected a field", 10),
        ("source == '''a'''", "expected a text between", 10),
        ("channel == 'PHONE'", "channel is one of APP, WEB, DESK", 11),
        ("id == '42'", "id is a UUID", 6),
        ("amount > 1\0", "not a condition", 0),
        ("amount > 1 and\u00a0online", "not a condition: invalid non-printable character", 0),
        ("amount > 1 # large", "can't have a comment", 10),
        ("not " * 5000 + "online", "nested too deep", 0),
        ("(" * 5000 + "online" + ")" * 5000, "not a condition", 0),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, message: str, offset: int) -> None:
    with pytest.raises(ConditionError) as caught:
        read(text)
    assert message in str(caught.value)
    if not str(caught.value).startswith("not a condition"):
        assert caught.value.offset == offset


def test_text_stays_as_it_is() -> None:
    assert holds("currency == 'a\u00a0b\tc'", currency=["a\u00a0b\tc".encode(), b"a b c"]) == [True, False]


def test_python_says_nothing_about_backslashes(recwarn: pytest.WarningsRecorder) -> None:
    read(r"matches(source, '\d')")
    assert not recwarn.list
