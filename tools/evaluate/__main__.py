"""The command ``scripts/evaluate``."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

from services.contracts import load_contracts
from services.errors import ExpectedError, UsageError
from services.history import evaluate_history
from services.history.stages import stages_of
from services.streaming.logs import configure_logging
from tools.command_line import INTERRUPTED, command_parser, print_error
from tools.evaluate.baseline import compare, write_baseline
from tools.evaluate.page import page
from tools.evaluate.pictures import pictures
from tools.evaluate.report import NoLabels, Report, report_on
from tools.evaluate.terminal_report import show
from tools.evaluate.verdict_file import VerdictFile
from tools.history.options import add_input_options, load, open_input, retention_notes, shown, topic_of
from tools.history.progress import show_progress
from tools.tables import terminal

_EPILOG = """\
examples:
  scripts/evaluate                                        the detector's rules on the standard mix
  scripts/evaluate --rules mine.toml --html report.html
  scripts/evaluate --from-topic --from 2026-01-31T00:00   what the generator's scenarios left in the topics
  scripts/evaluate --file transactions.csv --preset handbook --json

exit codes:
  0 done, and no worse than the baseline where one was given; 1 worse, or a rules file, a topic or a file is broken;
  2 wrong usage; 3 broker or registry can't be reached; 4 not authorised
docs/quality.md says what the figures mean.
"""


def main() -> int:
    """Run the command; the exit code."""
    options = parsed()
    configure_logging("evaluate", "error")
    try:
        report = evaluate(options)
        return _say(report, options)
    except NoLabels as error:
        code = print_error("evaluate", error)
        return 0 if options.out else code  # the verdicts were written, which need none
    except ExpectedError as error:
        return print_error("evaluate", error)
    except KeyboardInterrupt:
        return INTERRUPTED


def evaluate(options: argparse.Namespace) -> Report:
    """Evaluate the rules on the transactions that the arguments name.

    Raises:
        ExpectedError: The rules are broken, or the transactions can't be had.
    """
    contracts = load_contracts()
    rules = load(options.rules, options, contracts)
    with open_input(options, contracts, longest_ms=rules.longest_ms, labels=True) as source:
        schema = contracts.topic(topic_of(options)).required_schema
        with VerdictFile(options.out, rules, schema) if options.out else nullcontext() as verdicts:
            history = evaluate_history(
                show_progress(source.blocks()),
                stages_of(rules, partitions=source.partitions),
                lateness_ms=int(options.lateness.total_seconds() * 1000),
                watch_verdicts=verdicts.write if verdicts else None,
            )
        if verdicts:
            print(f"evaluate: {options.out}: {verdicts.rows:,} verdicts", file=sys.stderr)
        if not source.labelled:
            history = replace(history, truth=None)
        return report_on(
            history,
            rules_file=shown(rules.source),
            rules_version=rules.version,
            source=source.name,
            notes=[*source.notes(), *retention_notes(rules, contracts, options)],
        )


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, by default those of the command line."""
    parser = command_parser(
        "evaluate", "Say how well rules catch fraud, on transactions whose truth is known.", _EPILOG
    )
    parser.add_argument(
        "--rules", type=Path, metavar="FILE", help="the rules (default: RULES_FILE, or the detector's own)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="write what became of each transaction (Parquet, or .csv): score, rules, aggregates",
    )  # fmt: skip
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with plots, for a browser")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write the plots, each as an SVG of its own")
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="end with 1 if a figure is worse than in this file"
    )
    parser.add_argument("--write-baseline", type=Path, metavar="FILE", help="write the figures for --baseline")
    add_input_options(parser)
    return parser.parse_args(arguments)


def _say(report: Report, options: argparse.Namespace) -> int:
    """Print and write what was asked for; the exit code."""
    if options.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        show(report, terminal())
    try:
        if options.html:
            options.html.write_text(page(report), encoding="utf-8")
        if options.plots:
            options.plots.mkdir(parents=True, exist_ok=True)
            for name, picture in pictures(report).items():
                (options.plots / f"{name}.svg").write_text(picture.svg(alone=True), encoding="utf-8")
        if options.write_baseline:
            write_baseline(report, options.write_baseline)
    except OSError as error:
        raise UsageError(f"{error.filename}: can't be written: {error.strerror}") from None
    worse = compare(report, options.baseline) if options.baseline else []
    for figure in worse:
        print(f"evaluate: worse than {options.baseline}: {figure}", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
