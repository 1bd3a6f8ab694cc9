"""A backtest as Markdown, such as for a comment on a pull request."""

from services.history.result import Count, Result, RuleChange
from tools.history.formatting import days


def markdown(result: Result) -> str:
    """Return a backtest as Markdown: totals, what changes by rule, and examples in a part that can be opened."""
    labelled = result.newly.fraud is not None
    lines = [
        f"### Backtest: `{result.changed}` against `{result.live}`",
        "",
        f"{result.transactions:,} transactions over {days(result.days_of_data)}, from {_plain(result.source)}.",
        "",
        *_table(
            ["suspicious", "before", "after", "newly", "no longer"],
            [
                [
                    "transactions",
                    *(
                        _count(count, labelled=labelled)
                        for count in (
                            result.suspicious_before,
                            result.suspicious_after,
                            result.newly,
                            result.no_longer,
                        )
                    ),
                ]
            ],
        ),
        "",
        *_rules(result, labelled=labelled),
        *_examples(result),
        *(f"\n> {_plain(note)}" for note in result.notes),
    ]
    return "\n".join(lines) + "\n"


def _rules(result: Result, *, labelled: bool) -> list[str]:
    changed = [rule for rule in result.rules if rule.status != "same" or rule.newly.transactions]
    if not changed:
        return ["No rule changes.", ""]
    return [
        *_table(
            ["rule", "", "mode", "fired before", "fires now", "newly", "no longer"],
            [
                [
                    f"`{rule.name}`",
                    rule.status,
                    _mode(rule),
                    *(
                        _count(count, labelled=labelled)
                        for count in (rule.fired, rule.fires, rule.newly, rule.no_longer)
                    ),
                ]
                for rule in changed
            ],
        ),
        "",
    ]


def _examples(result: Result) -> list[str]:
    if not result.examples:
        return []
    shown = [f"- `{example.rule}`, {example.change}: {_plain(example.reason)}" for example in result.examples]
    return ["<details><summary>Examples</summary>", "", *shown, "", "</details>"]


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    rule = ["---" if index < 1 else "---:" if head not in {"", "mode"} else "---" for index, head in enumerate(heads)]
    return [f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)]


def _count(count: Count, *, labelled: bool) -> str:
    return f"{count.transactions:,} ({count.fraud:,} fraud)" if labelled else f"{count.transactions:,}"


def _mode(rule: RuleChange) -> str:
    return rule.after if rule.before == rule.after else f"{rule.before} → {rule.after}"


def _plain(text: str) -> str:
    """Return text without any markup of its own: an account's name may have some."""
    marks = str.maketrans({mark: f"&#{ord(mark)};" for mark in "<>&|`*_[]@#\\"})
    return text.translate(marks).replace("\n", " ")
