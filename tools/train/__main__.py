"""The command ``scripts/train``."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from services.errors import ExpectedError, UsageError
from services.rules.models.model_file import parse_model, render_model
from services.rules.models.trees import MAX_LEAVES
from tools.command_line import INTERRUPTED, command_parser, moment, positive_number, print_error, whole_number
from tools.tables import terminal
from tools.train.feature_table import read_features
from tools.train.report_page import page
from tools.train.report_text import as_json, show
from tools.train.time_split import split_times
from tools.train.trainer import TrainingSettings
from tools.train.training import Protocol, TrainingReport, train_and_test
from tools.train.verdicts import read_rule_scores

_SETTINGS = TrainingSettings()
_EPILOG = """\
examples:
  scripts/features --file transactions.csv --preset handbook --out f.parquet
  scripts/train --features f.parquet --model models/cards.json --html report.html
  scripts/train --features f.parquet --model models/cards.json --train-days 7 --test-from 2018-08-08
  scripts/train --features f.parquet --model models/cards.json --verdicts v.parquet     beside what rules say

exit codes:
  0 trained; 1 the file of features is broken; 2 wrong usage, or data that are too few
docs/training-a-model.md goes through all of it.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parsed(arguments)
    try:
        report = _train(options)
        _write(report, options)
    except ExpectedError as error:
        return print_error("train", error)
    except KeyboardInterrupt:
        return INTERRUPTED
    if options.json:
        print(json.dumps(as_json(report), indent=2))
    else:
        show(report, options.model, terminal())
    return 0


def _train(options: argparse.Namespace) -> TrainingReport:
    table = read_features(options.features)
    split = split_times(
        table.created_at,
        test_begin=_milliseconds(options.test_from),
        test_days=options.test_days,
        delay_days=options.delay_days,
        train_days=options.train_days,
    )
    settings = TrainingSettings(options.trees, options.leaves, options.learning_rate, options.least_rows, options.seed)
    name = options.name or options.model.stem.replace("-", "_")
    protocol = Protocol(name, split, settings, options.per_day, options.known_days or None)
    rules = read_rule_scores(options.verdicts, table.ids) if options.verdicts else None
    return train_and_test(table, protocol, options.features.name, rules)


def _write(report: TrainingReport, options: argparse.Namespace) -> None:
    content = render_model(report.model)
    parse_model(content, str(options.model))  # what can't be loaded is not written
    try:
        options.model.parent.mkdir(parents=True, exist_ok=True)
        options.model.write_bytes(content)
        if options.html:
            options.html.write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename}: can't be written: {error.strerror}") from None


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp() * 1000)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("train", "Train a model from features and labels, and measure it on later ones.", _EPILOG)
    parser.add_argument(
        "--features", type=Path, metavar="FILE", required=True, help="the file that scripts/features wrote"
    )
    parser.add_argument("--model", type=Path, metavar="FILE", required=True, help="the model file to write (JSON)")
    parser.add_argument("--name", metavar="NAME", help="name of the model (default: that of its file)")
    parser.add_argument(
        "--verdicts", type=Path, metavar="FILE", help="what rules say: the file that scripts/evaluate --out wrote"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page for a browser")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    days = parser.add_argument_group("time split, in days of event time (UTC)")
    days.add_argument("--test-from", type=moment, metavar="TIME", help="first day of the test (default: by its days)")
    days.add_argument("--test-days", type=whole_number(1), default=7, metavar="N", help="of the test (default: 7)")
    days.add_argument(
        "--delay-days", type=whole_number(0), default=7, metavar="N", help="until a label arrives (default: 7)"
    )
    days.add_argument("--train-days", type=whole_number(1), metavar="N", help="to train on (default: all before)")
    days.add_argument(
        "--known-days", type=whole_number(0), default=7, metavar="N",
        help="of fraud before whose payers are blocked, so not tested; 0 tests all (default: 7)",
    )  # fmt: skip
    model = parser.add_argument_group("model")
    model.add_argument(
        "--trees", type=whole_number(1, 2000), default=_SETTINGS.trees, metavar="N", help="number (default: 50)"
    )
    model.add_argument(
        "--leaves", type=whole_number(2, MAX_LEAVES), default=_SETTINGS.leaves, metavar="N",
        help="most leaves of a tree (default: 8)",
    )  # fmt: skip
    model.add_argument(
        "--learning-rate", type=positive_number, default=_SETTINGS.learning_rate, metavar="RATE",
        help="share of each tree's correction (default: 0.1)",
    )  # fmt: skip
    model.add_argument(
        "--least-rows", type=whole_number(1), default=_SETTINGS.least_rows, metavar="N",
        help="fewest transactions of a leaf (default: 20)",
    )  # fmt: skip
    model.add_argument("--seed", type=whole_number(0), default=_SETTINGS.seed, metavar="N", help="seed (default: 1)")
    parser.add_argument(
        "--per-day", type=whole_number(1), default=100, metavar="N",
        help="transactions that are looked at in a day, for precision at N (default: 100)",
    )  # fmt: skip
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
