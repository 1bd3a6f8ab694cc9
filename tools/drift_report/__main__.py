"""The command ``scripts/drift-report``."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from services.errors import ContractError, ExpectedError
from services.rules.models import ScoringModel, read_model
from services.rules.models.distribution import Distribution
from tools.command_line import INTERRUPTED, command_parser, positive_number, print_error
from tools.train.feature_table import FeatureTable, Floats, read_features

SLIGHT, LARGE = 0.1, 0.25
"""Population stability indexes by the convention of credit scoring: less than 0.1 is no change."""
_EPILOG = """\
examples:
  scripts/features --rules mine.toml --from-topic --from 2026-01-31T00:00 --unlabelled --out week.parquet
  scripts/drift-report --model models/cards.json --features week.parquet

exit codes:
  0 nothing changed by more than the limit; 1 something did, or a file is broken; 2 wrong usage
docs/training-a-model.md says what the figures mean.
"""


@dataclass(frozen=True)
class Drift:
    """Distance of a feature, or of the score, from training.

    Attributes:
        name: The feature; ``score`` for the score.
        stability: Population stability index.
        missing: Share of missing values.
        missing_before: That share in training.
    """

    name: str
    stability: float
    missing: float
    missing_before: float

    @property
    def words(self) -> str:
        """The index in words."""
        if self.stability <= SLIGHT:
            return "as in training"
        return "slight change" if self.stability <= LARGE else "large change"


def drifts_of(model: ScoringModel, table: FeatureTable) -> list[Drift]:
    """Return the drift of the score, and of each feature, the largest first.

    Raises:
        ContractError: The table lacks a feature of the model.
    """
    columns = dict(zip(table.names, table.columns, strict=True))
    if missing := [name for name in model.features if name not in columns]:
        raise ContractError(f"the file has no feature {', '.join(missing)}, which model {model.name} needs")
    ordered = [columns[name] for name in model.features]
    scores = _drift("score", model.score_distribution, model.scores(ordered, len(table)))
    of_features = map(_drift, model.features, model.distributions, ordered)
    return [scores, *sorted(of_features, key=lambda drift: -drift.stability)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parsed(arguments)
    try:
        model, table = read_model(options.model), read_features(options.features)
        drifts = drifts_of(model, table)
    except ExpectedError as error:
        return print_error("drift-report", error)
    except KeyboardInterrupt:
        return INTERRUPTED
    changed = [drift for drift in drifts if drift.stability > options.limit]
    if options.json:
        figures = {"model": model.name, "rows": len(table), "drifts": [asdict(each) for each in drifts]}
        print(json.dumps(figures, indent=2))
    else:
        if table.features_digest != model.features_digest:
            print("drift-report: the features are defined otherwise than in training", file=sys.stderr)
        print(f"model {model.name}, {len(table):,} transactions: {len(changed)} of {len(drifts)} numbers changed")
        width = max(len(drift.name) for drift in drifts)
        for drift in drifts:
            missing = f"; missing {drift.missing:.1%}, was {drift.missing_before:.1%}" if drift.missing else ""
            print(f"  {drift.name:{width}}  {drift.stability:7.3f}  {drift.words}{missing}")
    return 1 if changed else 0


def _drift(name: str, expected: Distribution, values: Floats) -> Drift:
    counts = expected.counts(values)
    return Drift(name, expected.stability(counts), float(counts[-1] / counts.sum()), expected.missing)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("drift-report", "Compare recent features with those that a model was trained on.", _EPILOG)
    parser.add_argument("--model", type=Path, metavar="FILE", required=True, help="the model file")
    parser.add_argument(
        "--features", type=Path, metavar="FILE", required=True, help="the file that scripts/features wrote"
    )
    parser.add_argument(
        "--limit", type=positive_number, default=LARGE, metavar="PSI",
        help="end with 1 if a stability index is above it (default: 0.25)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
