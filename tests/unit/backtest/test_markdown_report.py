from services.history.comparison import Change, Example
from services.history.result import Count, Result, RuleChange
from tools.backtest.__main__ import parsed
from tools.backtest.markdown_report import markdown


def result(**changes: object) -> Result:
    values = {
        "live": "rules.toml", "changed": "mine.toml", "source": "topic x", "transactions": 1000, "days_of_data": 2.0,
        "seconds": 1.0, "suspicious_before": Count(10, 4), "suspicious_after": Count(12, 6), "newly": Count(2, 2),
        "no_longer": Count(0, 0), "notes": ("wide <limits>",),
        "rules": (RuleChange("large", "changed", "live", "live", Count(10, 4), Count(12, 6), Count(2, 2), Count(0, 0),
                             Count(0, 0)),
                  RuleChange("other", "same", "live", "live", *[Count(0, 0)] * 5)),
        "examples": (Example("large", Change.NEWLY, "paid by <img src=x>|", "fraud", {}, True),),
    }  # fmt: skip
    return Result(**(values | changes))  # type: ignore[arg-type]


def test_a_comment_has_the_totals_and_the_rules_that_change() -> None:
    text = markdown(result())
    assert "### Backtest: `mine.toml` against `rules.toml`" in text
    assert "| transactions | 10 (4 fraud) | 12 (6 fraud) | 2 (2 fraud) | 0 (0 fraud) |" in text
    assert "| `large` | changed | live | 10 (4 fraud) | 12 (6 fraud) | 2 (2 fraud) | 0 (0 fraud) |" in text
    assert "other" not in text


def test_text_of_transactions_is_no_markup() -> None:
    text = markdown(result())
    assert "<img" not in text
    assert "&#60;img src=x&#62;&#124;" in text
    assert "> wide &#60;limits&#62;" in text


def test_rules_that_are_the_same_are_said_to_be() -> None:
    text = markdown(result(rules=(), examples=(), newly=Count(0, None), notes=()))
    assert "No rule changes." in text
    assert "fraud)" not in text
    assert "details" not in text


def test_a_rule_of_another_mode_shows_both() -> None:
    rule = RuleChange("new", "added", "none", "shadow", *[Count(1, None)] * 5)
    assert "| `new` | added | none → shadow |" in markdown(result(rules=(rule,), newly=Count(1, None)))


def test_the_command_takes_the_form_of_its_report() -> None:
    assert parsed(["mine.toml", "--transactions", "5", "--report", "markdown"]).report == "markdown"
