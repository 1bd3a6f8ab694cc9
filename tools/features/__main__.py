"""The command ``scripts/features``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from avroguard.avro.canonical_form import fingerprint
from services.contracts import load_contracts
from services.errors import ExpectedError, UsageError
from services.history import evaluate_history
from services.history.stages import stages_of
from services.rules.features import FeatureSet
from services.streaming.logs import configure_logging
from tools.command_line import INTERRUPTED, command_parser, print_error
from tools.features.exact_features import ExactFeatures
from tools.features.feature_file import FeatureFile
from tools.history.options import add_input_options, load, open_input, topic_of
from tools.history.progress import show_progress

_EPILOG = """\
examples:
  scripts/features --rules mine.toml --out features.parquet                                the standard mix
  scripts/features --rules mine.toml --file transactions.csv --preset handbook --out features.parquet
  scripts/features --rules mine.toml --from-topic --from 2026-01-31T00:00 --out features.parquet
  scripts/features --rules mine.toml --from-topic --exact --out features.parquet             as detectors computed them

exit codes:
  0 done; 1 a rules file, a topic or a file is broken; 2 wrong usage; 3 broker or registry can't be reached;
  4 not authorised
docs/writing-a-rule.md says what features are.
"""


def main() -> int:
    """Run the command; the exit code."""
    options = parsed()
    configure_logging("features", "error")
    try:
        written = write(options)
    except ExpectedError as error:
        return print_error("features", error)
    except KeyboardInterrupt:
        return INTERRUPTED
    known = f"{written.labelled:,} of them labelled" if written.labelled else "none of them labelled"
    print(f"{options.out}: {written.rows:,} transactions, {known}")
    return 0


def write(options: argparse.Namespace) -> FeatureFile:
    """Write the features of the transactions that the arguments name; the file.

    Raises:
        ExpectedError: The rules are broken, or the transactions can't be had.
    """
    if options.exact and not options.from_topic:
        raise UsageError("--exact needs --from-topic: a stream or file has one order alone")
    contracts = load_contracts()
    rules = load(options.rules, options, contracts)
    features = rules.features or FeatureSet()
    if options.only:
        features = features.select(options.only)
    if not features.names:
        raise UsageError(f"{rules.source}: it declares no features; add a table [features] (docs/writing-a-rule.md)")
    schema = contracts.topic(topic_of(options)).required_schema
    # Rules are left out: what they match makes no difference to a feature.
    alone = type(rules)((), rules.version, rules.source, features=features)
    with (
        open_input(options, contracts, longest_ms=features.reach_ms, labels=not options.unlabelled) as source,
        FeatureFile(options.out, features, fingerprint(schema.json).removeprefix("sha256:"), rules.version) as file,
    ):
        if options.exact:
            exact = ExactFeatures.of(source, alone, features.names, int(options.lateness.total_seconds() * 1000))
            for block in show_progress(source.blocks()):
                file.write(*exact.features(block))
            print(f"features: {exact.missing:,} transactions have not come through all stages", file=sys.stderr)
            return file
        evaluate_history(
            show_progress(source.blocks()),
            stages_of(alone, partitions=source.partitions, features=features.names),
            lateness_ms=int(options.lateness.total_seconds() * 1000),
            watch_features=file.write,
        )
        for note in source.notes():
            print(f"features: {note}", file=sys.stderr)
    return file


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, by default those of the command line."""
    parser = command_parser(
        "features",
        "Write the features of past transactions to a Parquet file, computed as the detector computes them.",
        _EPILOG,
    )
    parser.add_argument(
        "--rules", type=Path, metavar="FILE", help="declares the features (default: RULES_FILE, or the detector's own)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help="the Parquet file to write")
    parser.add_argument(
        "--only", type=lambda text: [name for name in text.split(",") if name], metavar="NAME,...",
        help="these features alone (default: all of the rules file)",
    )  # fmt: skip
    parser.add_argument(
        "--exact", action="store_true",
        help="with --from-topic: read the topics of all stages (REPARTITION_TOPICS, INPUT_KEYED), each in its own "
        "order, as detectors did; without, partitions are merged by time",
    )  # fmt: skip
    parser.add_argument("--unlabelled", action="store_true", help="do without labels")
    add_input_options(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
