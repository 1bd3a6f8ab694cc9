"""`check-rules`: checks a rules file as the detector does at its start, without a broker or registry.

It reads the settings of the detector (RULES_FILE, SUSPICIOUS_AMOUNT, REPARTITION_TOPICS, TRANSACTIONS_TOPIC,
ALLOWED_LATENESS, SCHEMAS_DIR) and reports what the detector would reject: faults of the file, a rule that no stage can
evaluate, a topic whose retention in contracts.toml is shorter than a window.

Exit codes: 0 the detector would activate the rules, 1 it would reject them, 2 a setting or an argument is wrong.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.contracts import RegistrySettings, load_contracts
from services.detection.rules_check import CheckedRules, check_topology
from services.detection.settings import DetectorSettings, deprecated_settings
from services.errors import ExpectedError, UsageError
from services.rules.features import Feature
from services.rules.loading import constants_of, load_rules
from services.rules.model import Rule
from services.rules.reasons import duration
from services.rules.topology import Topology
from services.streaming.settings import load_settings

_PROGRAM = "check-rules"
_COLUMNS = ("rule", "severity", "mode", "version", "looks back", "when")
_FEATURE_COLUMNS = ("feature", "looks back", "definition")


class _Settings(DetectorSettings):
    """Settings of the detector; no broker is needed."""

    kafka_broker_url: str = "localhost:9092"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Check a rules file as the detector does at its start, without a broker or registry.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", type=Path, help="by default RULES_FILE, else the detector's own"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing for a valid file")
    options = parser.parse_args(arguments)
    try:
        checked = _checked(options.file)
    except ExpectedError as error:
        for line in str(error).splitlines():
            print(f"{_PROGRAM}: {line}", file=sys.stderr)
        return error.exit_code
    for warning in [*deprecated_settings(os.environ), *checked.warnings]:
        print(f"{_PROGRAM}: {warning}", file=sys.stderr)
    if not options.quiet:
        print("\n".join(_report(checked.topology)))
    return 0


def _checked(file: Path | None) -> CheckedRules:
    """Return the rules as the detector would activate them."""
    settings = load_settings(_Settings, RegistrySettings)
    path = file or settings.rules_file
    if not path.is_file():
        raise UsageError(f"{path}: no such file; name a rules file, or leave it out for the detector's own")
    contracts = load_contracts()
    schema = contracts.topic(settings.transactions_topic).required_schema
    return check_topology(load_rules(path, schema, constants_of(settings.suspicious_amount)), settings, contracts)


def _report(topology: Topology) -> Iterator[str]:
    number = len(topology.rules.rules)
    yield f"{topology.rules.source}: {number} {'rule' if number == 1 else 'rules'}, version {topology.version}"
    for stage in topology.stages:
        if stage.is_used:
            yield f"\non {stage.topic}, keyed by {stage.field}:"
            yield from _table([_COLUMNS, *(_row(rule) for rule in stage.rules)]) if stage.rules else ()
            yield from _table([_FEATURE_COLUMNS, *map(_feature_row, stage.features)]) if stage.features else ()
    if features := topology.rules.features:
        unused = set(features.names) - {feature.name for stage in topology.stages for feature in stage.features}
        if features.names:
            yield f"\n{len(features.names)} features, digest {features.digest}"
        if unused:
            yield f"no rule needs {', '.join(name for name in features.names if name in unused)}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(rule: Rule) -> tuple[str, ...]:
    when = rule.when.text if rule.when else "always"
    if rule.alert_every_ms is not None:
        when += f"; one alert per key in each {duration(rule.alert_every_ms)}"
    back = duration(rule.reach_ms) if rule.reach_ms else "-"
    return rule.name, rule.severity, rule.mode, rule.version, back, when


def _feature_row(feature: Feature) -> tuple[str, ...]:
    back = duration(feature.reach_ms) if feature.reach_ms else "-"
    return feature.name, back, feature.described


if __name__ == "__main__":
    sys.exit(main())
