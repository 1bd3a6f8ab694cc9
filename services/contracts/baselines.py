"""What the contracts are compared with: a commit, a directory, or what a registry holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from services.contracts.git import Commit
from services.contracts.judging import OldVersion, judge_level, judge_removals, judge_schema
from services.contracts.levels import Level
from services.contracts.registry import ALL_VERSIONS, Registry
from services.contracts.reporting import Finding, merged
from services.contracts.schema import Schema
from services.contracts.topics import Contracts, TopicContract, read_contracts
from services.contracts.tree import CONTRACTS, Directory, Tree
from services.errors import UsageError

REFUSED_FIX = "ask the registry's log for its reason"


class Baseline(Protocol):
    """The contracts as they were, or as they are deployed."""

    label: str

    def history(self, subject: str) -> Sequence[OldVersion]:
        """The versions of a subject, oldest first; none where it is new."""

    def level(self, subject: str) -> Level | None:
        """The level of a subject; None where it has none."""

    def removals(self, contracts: Contracts) -> list[Finding]:
        """The subjects that the contracts have dropped."""

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:
        """Whether the baseline has a say of its own and says no, at ``level`` or a lower one."""


class TreeBaseline:
    """The contracts of another directory or commit: one version of each subject.

    Args:
        label: What to call it.
        tree: Where the contracts are read from; where it has none, everything is new.
    """

    def __init__(self, label: str, tree: Tree) -> None:
        self.label = label
        found = tree.read(CONTRACTS) is not None
        self._contracts = read_contracts(tree) if found else Contracts((), tree.shown(CONTRACTS))
        self._topics = {topic.subject: topic for topic in self._contracts.governed}

    def history(self, subject: str) -> Sequence[OldVersion]:
        """The one version that there was, if any."""
        topic = self._topics.get(subject)
        return [OldVersion(self.label, topic.schema.json)] if topic and topic.schema else []

    def level(self, subject: str) -> Level | None:
        """The level that was asked for."""
        topic = self._topics.get(subject)
        return topic.compatibility if topic else None

    def removals(self, contracts: Contracts) -> list[Finding]:
        """The subjects that the contracts have dropped."""
        return judge_removals(contracts, self._contracts, self.label)

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:  # noqa: ARG002
        """Never: files have no say of their own."""
        return False


class RegistryBaseline:
    """What a registry holds: every version of each subject.

    Args:
        registry: The registry.
    """

    def __init__(self, registry: Registry) -> None:
        self.label = f"the registry at {registry}"
        self._registry = registry

    def history(self, subject: str) -> Sequence[OldVersion]:
        """Every version."""
        return [OldVersion(f"v{old.version}", old.schema) for old in self._registry.history(subject)]

    def level(self, subject: str) -> Level | None:
        """The level set for the subject."""
        return self._registry.compatibility_level(subject)

    def removals(self, contracts: Contracts) -> list[Finding]:  # noqa: ARG002
        """None: what else a registry holds may be anybody's."""
        return []

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:
        """Whether the registry says no, where it asks for no more than ``level`` does."""
        present = self._registry.compatibility_level(subject)
        if present is not None and not level.implies(present):
            return False
        version = ALL_VERSIONS if level.transitive else "latest"
        return not self._registry.is_compatible(subject, schema, version)


def tree_baseline(against: str, directory: Path) -> TreeBaseline:
    """The baseline that ``--against`` names: ``git:REF`` or a path.

    Args:
        against: What the user gave.
        directory: The directory of the contracts that are checked.

    Raises:
        UsageError: If it names nothing that there is.
        Unavailable: If git can't tell.
        ContractError: If the contracts there are broken.
    """
    kind, colon, ref = against.partition(":")
    if kind == "git" and colon:
        if not ref:
            raise UsageError("--against git:REF: expected a commit, branch or tag after the colon")
        return TreeBaseline(against, Commit.find(directory, ref))
    path = Path(against)
    path = path.parent if path.name == CONTRACTS else path
    if not (path / CONTRACTS).is_file():
        raise UsageError(
            f"--against {against}: expected git:REF, registry, registry:URL or a directory with {CONTRACTS}"
        )
    return TreeBaseline(against, Directory(path))


def check_contracts(
    contracts: Contracts, chosen: Sequence[TopicContract], baseline: Baseline, level: Level | None = None
) -> list[Finding]:
    """Everything that is wrong with the contracts as a change of the baseline.

    Args:
        contracts: All contracts.
        chosen: The topics to judge; only if it is all of them, dropped ones are looked for as well.
        baseline: What they are compared with.
        level: What to ask instead of each topic's own level.
    """
    findings = baseline.removals(contracts) if len(chosen) == len(contracts.governed) else []
    for topic in chosen:
        if topic.schema and topic.compatibility:
            if level is None:
                findings += judge_level(topic, topic.compatibility, baseline.level(topic.subject), baseline.label)
            findings += check_schema(topic.subject, topic.schema, level or topic.compatibility, baseline)
    return merged(findings)


def check_schema(subject: str, schema: Schema, level: Level, baseline: Baseline) -> list[Finding]:
    """What keeps one schema from following the baseline's versions at a level, the baseline's own word included."""
    history = baseline.history(subject)
    found = judge_schema(subject, schema, history, level)
    if not found and history and baseline.refuses(subject, schema, level):
        message = f"{baseline.label} refuses this schema at its present level, though no rule here says why"
        return [Finding(schema.where(), "REFUSED_BY_REGISTRY", message, REFUSED_FIX, subjects=(subject,))]
    return found
