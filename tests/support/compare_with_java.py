"""Compares the compatibility checker with Avro Java.

PYTHONPATH=avroguard/tests python -m tests.support.compare_with_java --pairs 100000 --seed 1
"""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from avroguard.compatibility import Rule, incompatibilities
from avroguard.errors import ContractError
from support.avro_mutations import pairs
from tests.support.avro_java import AvroJava, RefusedByJavaError, avro_java

STRICTER = {Rule.RECURSION_UNPROVEN}


@dataclass
class Comparison:
    """Result of comparing verdicts, each pair in both directions."""

    verdicts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    mutations: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    stricter: int = 0
    disagreements: list[dict[str, Any]] = field(default_factory=list)

    def add(self, java: AvroJava, old: Any, new: Any, mutations: list[str]) -> None:
        """Compares the verdicts on two schemas, and on the two exchanged."""
        try:
            parsed_old, parsed_new = java.parse(old), java.parse(new)
        except RefusedByJavaError as error:
            self.refused[str(error)[:60]] += 1
            return
        self.mutations.update(mutations)
        self._verdict(new, old, java.compatible(parsed_new, parsed_old))
        self._verdict(old, new, java.compatible(parsed_old, parsed_new))

    def _verdict(self, reader: Any, writer: Any, compatible: bool) -> None:
        self.verdicts["compatible" if compatible else "incompatible"] += 1
        try:
            findings = incompatibilities(reader, writer)
            rules = {finding.rule for finding in findings}
            said = "; ".join(finding.message for finding in findings)
        except ContractError as error:
            rules, said = {Rule.TYPE_CHANGED}, str(error)
            agree = False
        else:
            self.rules.update(rules)
            agree = compatible is not bool(findings)
        if not agree and rules and rules <= STRICTER:
            self.stricter += 1
        elif not agree:
            self.disagreements.append({"reader": reader, "writer": writer, "java": compatible, "ours": said})

    def report(self) -> str:
        """The figures, one a line."""
        verdicts = self.verdicts.total()
        share = {name: f"{count} ({count / max(verdicts, 1):.1%})" for name, count in self.verdicts.items()}
        return "\n".join(
            [
                f"verdicts            {verdicts}: {share}",
                f"disagreements       {len(self.disagreements)}",
                f"stricter on purpose {self.stricter}",
                f"refused by Java     {self.refused.total()} {dict(self.refused.most_common(5))}",
                f"rules               {dict(self.rules.most_common())}",
                f"mutations           {dict(self.mutations.most_common())}",
            ]
        )


def compare(seed: int, count: int) -> Comparison:
    """Compares the verdicts on random pairs of schemas."""
    comparison, java = Comparison(), avro_java()
    for old, new, mutations in pairs(seed, count):
        comparison.add(java, old, new, mutations)
    return comparison


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    sys.stdout.write(f"seed                {arguments.seed}\n")
    sys.stdout.flush()
    started = time.monotonic()
    comparison = compare(arguments.seed, arguments.pairs)
    shortest = sorted(map(json.dumps, comparison.disagreements), key=len)[:5]
    sys.stdout.write(
        "\n".join([comparison.report(), f"seconds             {time.monotonic() - started:.1f}", *shortest, ""])
    )
    return 1 if comparison.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
