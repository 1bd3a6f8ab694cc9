"""Compares lint's strict rules with Avro Java's parser.

PYTHONPATH=avroguard/tests python -m tests.support.lint_with_java --schemas 20000 --seed 1
"""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from avroguard.avro.validation import validate
from avroguard.rules import RULES
from support.avro_corruptions import corrupted
from tests.support.avro_java import avro_java

# Refused here under these names in any case: only Avro Java finds the type. It takes most of these schemas, but holds
# some defaults against what the name meant, or does not mean yet, at another time of its reading.
FOUND_BY_JAVA_ALONE = {"TYPE_USED_BEFORE_DEFINITION", "TYPE_OUTSIDE_NAMESPACE"}


@dataclass
class Comparison:
    """Result of asking both."""

    verdicts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    stricter: Counter[str] = field(default_factory=Counter)
    found_by_java_alone: int = 0
    disagreements: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, schema: Any, refusal: str) -> None:
        """Compare what both say of a schema; an empty refusal means that Java takes it."""
        faults = validate(schema)
        ours = [fault for fault in faults if RULES[fault.rule].refused_by_avro_java]
        self.verdicts["refused" if refusal else "taken"] += 1
        self.rules.update({fault.rule for fault in ours})
        if not refusal and not ours:
            self.stricter.update({fault.rule for fault in faults})
        if refusal and not ours and FOUND_BY_JAVA_ALONE & {fault.rule for fault in faults}:
            self.found_by_java_alone += 1
        elif bool(refusal) is not bool(ours):
            self.disagreements.append(
                (json.dumps(schema), refusal, "; ".join(f"{fault.rule} {fault}" for fault in faults))
            )

    def report(self) -> str:
        """The figures, one a line."""
        return "\n".join(
            [
                f"verdicts of Java    {self.verdicts.total()}: {dict(self.verdicts)}",
                f"disagreements       {len(self.disagreements)}",
                f"refused for         {dict(self.rules.most_common())}",
                f"found by Java alone {self.found_by_java_alone} types, whose defaults it then refused",
                f"stricter by name    {dict(self.stricter.most_common())}",
            ]
        )


def compare(seed: int, count: int) -> Comparison:
    """Compares the verdicts on random schemas, most of which have something wrong in them."""
    java = avro_java()
    comparison = Comparison()
    for schema in corrupted(seed, count):
        comparison.add(schema, java.refusal(schema))
    return comparison


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    sys.stdout.write(f"seed                {arguments.seed}\n")
    sys.stdout.flush()
    comparison = compare(arguments.seed, arguments.schemas)
    shortest = sorted(comparison.disagreements, key=lambda disagreement: len(disagreement[0]))[:12]
    sys.stdout.write("\n".join([comparison.report(), *("\n  ".join(disagreement) for disagreement in shortest), ""]))
    return 1 if comparison.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
