"""Compares `check-schemas --against registry` with registering.

    python -m tests.support.compare_with_registry --pairs 500

For each random pair the old schema is registered under a subject of its own at a level, each level in turn. Then the
command's verdict on the new one is asked for, and after it what the registry answers when the new one is registered.
Starts a cluster of its own.
"""

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from avroguard.avro.schema import Schema, parse_schema
from avroguard.changes.breakages import CheckOptions
from avroguard.changes.checking import check_schema
from avroguard.changes.registry_baseline import RegistryBaseline
from avroguard.config.subjects import SubjectContract
from avroguard.places import Place
from services.contracts import Level, Registry, RegistrySettings
from services.errors import ContractError
from support.avro_mutations import pairs
from tools.local_cluster import ephemeral

LEVELS = [level for level in Level if level not in (Level.NONE, Level.FROZEN)]  # no registry knows FROZEN


@dataclass
class Comparison:
    """Result of a comparison.

    Attributes:
        verdicts: Counts of the registry's verdicts.
        left_out: Pairs that could not be compared, by reason.
        differences: The pairs on which the two differ, with what each said.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    differences: list[dict[str, Any]] = field(default_factory=list)

    def add(self, registry: Registry, subject: str, level: Level, old: Any, new: Any) -> None:
        """Compares the verdicts on one pair."""
        before, after = (schema_of(name, content) for name, content in (("old", old), ("new", new)))
        if before is None or after is None:
            self.left_out["refused by our own reading"] += 1
            return
        try:
            registry.register(subject, before)
        except ContractError as error:
            self.left_out[f"old one refused by the registry: {str(error).partition('answered ')[2][:40]}"] += 1
            return
        registry.set_compatibility_level(subject, level)
        if registry.find(subject, after):
            self.left_out["the same to the registry"] += 1
            return
        contract = SubjectContract(subject, after, level, Place("contracts.toml", 1))
        # The command's verdict by its rules alone: what the registry says is to be compared, not to be repeated.
        ours = check_schema(contract, level, _Silent(registry), CheckOptions(semantic=None))
        try:
            registry.register(subject, after)
            answer = "taken"
        except ContractError as error:
            answer = str(error).partition(" answered ")[2]
        self.verdicts[answer[:60]] += 1
        if (answer == "taken") is bool(ours):
            rules = [str(finding.rule) for finding in ours]
            self.differences.append({"level": level, "old": old, "new": new, "ours": rules, "registry": answer[:300]})


class _Silent(RegistryBaseline):
    """A registry that has no say of its own."""

    def refuses(self, *_: object) -> bool:
        return False


def schema_of(name: str, content: Any) -> Schema | None:
    text = json.dumps(content).encode()
    try:
        return parse_schema(f"{name}.avsc", text)
    except ContractError:
        return None


def compare(registry: Registry, seed: int, count: int, prefix: str) -> Comparison:
    """Compares random pairs of schemas, each level in turn."""
    comparison = Comparison()
    levels = itertools.cycle(LEVELS)
    for number, (old, new, _) in enumerate(pairs(seed, count)):
        comparison.add(registry, f"{prefix}{number}-value", next(levels), old, new)
    return comparison


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    sys.stdout.write(f"seed        {arguments.seed}\n")
    with ephemeral() as cluster, Registry(RegistrySettings.load(url=cluster.registry_url)) as registry:
        comparison = compare(registry, arguments.seed, arguments.pairs, "pair")
    sys.stdout.write(f"verdicts    {dict(comparison.verdicts)}\nleft out    {dict(comparison.left_out)}\n")
    sys.stdout.write(f"differences {len(comparison.differences)}\n")
    for difference in sorted(comparison.differences, key=lambda difference: len(json.dumps(difference))):
        sys.stdout.write(f"{json.dumps(difference)}\n")
    return 1 if comparison.differences else 0


if __name__ == "__main__":
    sys.exit(main())
