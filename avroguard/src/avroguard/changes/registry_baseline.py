"""What a registry holds, as what contracts are compared with; apart, as it brings an HTTP client along."""

from collections.abc import Sequence

from avroguard.avro.schema import Schema
from avroguard.changes.breakages import OldVersion
from avroguard.compatibility import Parser
from avroguard.config.topics import Contracts
from avroguard.findings import Finding
from avroguard.levels import Level
from avroguard.registry.client import ALL_VERSIONS, Registry


class RegistryBaseline:
    """What a registry holds: every version of each subject.

    Args:
        registry: The registry.
    """

    def __init__(self, registry: Registry) -> None:
        self.label = f"the registry at {registry}"
        self._registry = registry

    def history(self, subject: str, *, whole: bool) -> Sequence[OldVersion]:
        """Every version, or the latest."""
        versions = self._registry.versions(subject)
        held = [self._registry.version(subject, version) for version in (versions if whole else versions[-1:])]
        parser = Parser()
        return [OldVersion(f"v{old.version}", old.schema, parser) for old in held]

    def level(self, subject: str) -> Level | None:
        """The level set for the subject."""
        return self._registry.compatibility_level(subject)

    def removals(self, contracts: Contracts) -> list[Finding]:  # noqa: ARG002
        """None: what else a registry holds may be anybody's."""
        return []

    def refuses(self, subject: str, schema: Schema, level: Level) -> bool:
        """Whether the registry says no, where it asks for no more than ``level`` does."""
        if not level.implies(self._registry.compatibility_level(subject) or self._registry.default_level()):
            return False
        version = ALL_VERSIONS if level.transitive else "latest"
        return not self._registry.is_compatible(subject, schema, version)
