"""The command ``scripts/backtest``."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from services.contracts import load_contracts
from services.errors import ExpectedError
from services.history import evaluate_history
from services.history.comparison import Comparison
from services.history.result import Result, result_of
from services.history.stages import stages_of
from services.rules.fields import fields_of_schema
from services.rules.model import RuleSet
from services.streaming.logs import configure_logging
from tools.backtest.markdown_report import markdown
from tools.backtest.terminal_report import show
from tools.command_line import INTERRUPTED, print_error
from tools.history.options import add_input_options, load, open_input, retention_notes, shown, topic_of
from tools.history.progress import show_progress
from tools.tables import terminal

_EPILOG = """\
examples:
  scripts/backtest mine.toml --from-topic                  on what is in the topic
  scripts/backtest mine.toml --from-topic --from 2026-01-31T00:00 --json
  scripts/backtest mine.toml --file transactions.csv --preset handbook
  scripts/backtest mine.toml --transactions 100000         on a generated stream

exit codes:
  0 done, whatever is different; 1 a rules file, a topic or a file is broken; 2 wrong usage;
  3 broker or registry can't be reached; 4 not authorised
"""


def main() -> int:
    """Run the command; the exit code."""
    options = parsed()
    configure_logging("backtest", "error")
    try:
        result = backtest(options)
    except ExpectedError as error:
        return print_error("backtest", error)
    except KeyboardInterrupt:
        return INTERRUPTED
    if options.report == "markdown":
        print(markdown(result), end="")
    elif options.json or options.report == "json":
        print(json.dumps(asdict(result), indent=2))
    else:
        show(result, terminal())
    return 0


def backtest(options: argparse.Namespace) -> Result:
    """Compare what the arguments name.

    Raises:
        ExpectedError: Rules are broken, or the transactions can't be had.
    """
    contracts = load_contracts()
    live, changed = load(options.live, options, contracts), load(options.rules, options, contracts)
    fields = fields_of_schema(contracts.topic(topic_of(options)).required_schema)
    comparison = Comparison(live, changed, fields, options.examples)
    with open_input(options, contracts, longest_ms=max(live.longest_ms, changed.longest_ms), labels=False) as source:
        history = evaluate_history(
            show_progress(source.blocks()),
            stages_of(live, changed, partitions=source.partitions),
            lateness_ms=int(options.lateness.total_seconds() * 1000),
            watch=comparison.watch,
        )
        if not source.labelled:
            history = replace(history, truth=None)
        return result_of(
            comparison,
            history,
            names=_names(live, changed),
            source=source.name,
            notes=[*source.notes(), *retention_notes(changed, contracts, options)],
        )


def _names(live: RuleSet, changed: RuleSet) -> tuple[str, str]:
    return shown(live.source), shown(changed.source)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, by default those of the command line."""
    parser = argparse.ArgumentParser(
        prog="backtest",
        description="Compare a changed rules file with the live one on transactions of the past: what would newly "
        "fire, what would no longer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("rules", type=Path, metavar="RULES", help="the rules as they would be")
    parser.add_argument(
        "--live", type=Path, metavar="FILE", help="the rules as they are (default: RULES_FILE, or the detector's own)"
    )
    parser.add_argument("--examples", type=int, default=3, metavar="N", help="of each rule and change (default: 3)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print everything as JSON; the same as --report json")
    form.add_argument(
        "--report", choices=("text", "json", "markdown"), default="text", help="markdown is for a pull request"
    )
    add_input_options(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
